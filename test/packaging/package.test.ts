/** The package as somebody who installs it gets it: packed, unpacked, imported and type-checked. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const work = mkdtempSync(join(tmpdir(), 'textyard-package-'));
const project = join(work, 'project');
const installed = join(project, 'node_modules/textyard');

beforeAll(async () => {
  // What `npm pack` takes, with dist/ built aside: the checkout may be at work.
  const source = join(work, 'source');
  for (const name of ['package.json', ...manifest.files]) {
    if (name !== 'dist') cpSync(join(root, name), join(source, name), { recursive: true });
  }
  await run(process.execPath, [join(root, 'scripts/build.ts'), join(source, 'dist')]);
  const options = { cwd: source, shell: process.platform === 'win32' };
  const packed = await run(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--pack-destination', work],
    options,
  );
  const [{ filename }] = JSON.parse(packed.stdout);
  await run('tar', ['-xzf', join(work, filename), '-C', work]);
  mkdirSync(dirname(installed), { recursive: true });
  renameSync(join(work, 'package'), installed);
  // Only what it declares: an import of something else must fail here.
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    const link = join(project, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link, 'junction');
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }');
}, 120_000);

afterAll(() => rmSync(work, { recursive: true, force: true }));

test('its import works under plain node', async () => {
  writeFileSync(
    join(project, 'import.js'),
    `import { defineConfig, openTextyard, segmentsOf, VERSION } from 'textyard';
     const config = defineConfig({ backends: { a: { type: 'simulator' } } });
     console.log(JSON.stringify([VERSION, typeof openTextyard, segmentsOf('Hello').segments, config]));`,
  );
  const { stdout } = await run(process.execPath, ['import.js'], { cwd: project });
  expect(JSON.parse(stdout)).toEqual([
    manifest.version,
    'function',
    1,
    { backends: { a: { type: 'simulator' } } },
  ]);
});

test('its migrations come along', async () => {
  writeFileSync(
    join(project, 'migrate.js'),
    `import { migrateDatabase } from 'textyard';
     await migrateDatabase('postgres://127.0.0.1:1/none').catch((error) => console.log(error.kind));`,
  );
  const { stdout } = await run(process.execPath, ['migrate.js'], { cwd: project });
  expect(stdout.trim()).toBe('unavailable');
  expect(existsSync(join(installed, 'prisma/migrations/migration_lock.toml'))).toBe(true);
  expect(existsSync(join(installed, 'prisma/roles/readonly.sql'))).toBe(true);
});

test('its declarations are whole, without skipLibCheck', async () => {
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2024',
        lib: ['es2024'],
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
      },
      include: ['use.ts'],
    }),
  );
  writeFileSync(
    join(project, 'use.ts'),
    `import { type App, type Backend, defineConfig, openTextyard, ping, type SendReport } from 'textyard';
     const app: App = { name: 'a', handle: (message) => message.respond('b') };
     const backend: Backend = {
       async send(batch, report) {
         for (const { id } of batch.transmissions) report({ transmissionId: id, outcome: 'sent' });
       },
     };
     const config = defineConfig({ backends: { a: { type: 'simulator' }, b: { backend } }, apps: [app, ping()] });
     const yard = await openTextyard({ config });
     const report: SendReport = await yard.router.send('Hello', { backend: 'a', identity: '+12025550123' });
     const rows = await yard.prisma.message.findMany({ where: { id: report.id } });
     export const status: 'Q' | 'P' | 'R' | 'S' | 'D' | 'E' | undefined = rows[0]?.status;
     // @ts-expect-error there is no such type of backend
     defineConfig({ backends: { a: { type: 'carrier-pigeon' } } });`,
  );
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [compiler, '-p', project]).catch((error) => error);
  expect(stdout).toBe('');
});

test('its command can be run', async () => {
  const command = join(installed, manifest.bin.textyard);
  const { stdout } = await run(process.execPath, [command, '--version'], { cwd: project });
  expect(stdout.trim()).toBe(manifest.version);
  // By its first line and its mode, on whatever Node the shell finds first.
  if (process.platform !== 'win32') {
    const environment = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
    expect((await run(command, ['--version'], { env: environment })).stdout.trim()).toBe(manifest.version);
  }
});
