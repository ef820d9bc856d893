/** The programs, settings and queries of the pages do what the pages say. */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, SendResult } from '../../src/backends/backend.ts';
import { Database } from '../../src/store/database.ts';
import { batchOf, transmission } from '../backends/transmissions.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { blocksOf, PAGES, page, ROOT, tableBelow } from './pages.ts';

const run = promisify(execFile);
const readme = page('README.md');
const work = mkdtempSync(join(tmpdir(), 'textyard-docs-'));
const readmeFolder = join(work, 'README');
const files = writePrograms();
let scratch: TestDatabase;
let database: Database;

beforeAll(async () => {
  scratch = await createTestDatabase();
  database = new Database({ url: scratch.url, maxConnections: 2 });
});

afterAll(async () => {
  await database.close();
  await scratch.drop();
  rmSync(work, { recursive: true, force: true });
});

/** Each program into a file of the name in its first line; a page's second of a name starts a new folder. */
function writePrograms(): string[] {
  const written: string[] = [];
  for (const one of PAGES) {
    const folder = one.path.replace(/^docs\/|\.md$/g, '');
    blocksOf(one, 'ts').forEach((program, index) => {
      const name = /^\/\/ (\S+\.ts)\n/.exec(program)?.[1];
      if (name === undefined)
        throw new Error(`${one.path}: program ${index + 1} does not begin with its name`);
      const usual = join(work, folder, name);
      const path = existsSync(usual) ? join(work, `${folder}-${index}`, name) : usual;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, program);
      written.push(path);
    });
  }
  for (const name of ['textyard', '@types/node', 'vitest']) {
    const link = join(work, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(name === 'textyard' ? ROOT : join(ROOT, 'node_modules', name), link, 'junction');
  }
  writeFileSync(join(work, 'package.json'), '{ "type": "module", "private": true }');
  return written;
}

/** Runs a program the way the README says. */
function runProgram(path: string) {
  return run(process.execPath, ['--conditions=textyard-source', path], {
    cwd: dirname(path),
    env: { ...process.env, DATABASE_URL: scratch.url, TEXTYARD_LOG_LEVEL: 'silent' },
  });
}

test('all programs are well typed', { timeout: 120_000 }, async () => {
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { typeRoots: [join(ROOT, 'node_modules/@types')] },
    include: files,
  };
  writeFileSync(join(work, 'tsconfig.json'), JSON.stringify(config));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [compiler, '-p', work]).catch((error) => error);
  expect(stdout).toBe('');
});

describe('the README', () => {
  test('the program that sends and answers prints what is shown, and the report gives its rows', {
    timeout: 60_000,
  }, async () => {
    const { stdout } = await runProgram(join(readmeFolder, 'hello.ts'));
    const [shown] = blocksOf(readme, '').filter((block) => block.includes('Hello from the yard'));
    expect(stdout).toBe(shown);

    const [report = ''] = blocksOf(readme, 'sql');
    const rows = await database.query(report);
    const given = rows.map((row) => Object.values(row).map((value) => String(value ?? '')));
    expect(given).toEqual(tableBelow(readme, 'A report'));
  });

  test('the order and its text commit together', { timeout: 60_000 }, async () => {
    await runProgram(join(readmeFolder, 'order.ts'));
    const [row] = await database.query(
      `SELECT (SELECT count(*)::int FROM contacts WHERE name = 'Ada') AS contacts,
         (SELECT count(*)::int FROM messages WHERE text = 'Welcome!') AS messages`,
    );
    expect(row).toEqual({ contacts: 1, messages: 1 });
  });

  test('the app counts a vote', { timeout: 60_000 }, async () => {
    writeFileSync(
      join(readmeFolder, 'try-vote.ts'),
      `import { testPhone } from 'textyard';
       import { vote } from './apps/vote.ts';
       const phone = await testPhone([vote()]);
       const { replies } = await phone.send('vote Ann');
       console.log(replies.join());`,
    );
    const { stdout } = await runProgram(join(readmeFolder, 'try-vote.ts'));
    expect(stdout).toBe('Thank you for voting for Ann.\n');
  });

  test('the backend reports what its gateway says', async () => {
    const asked: URLSearchParams[] = [];
    const gateway = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => {
        body += part;
      });
      request.on('end', () => {
        asked.push(new URLSearchParams(body));
        response.statusCode = request.headers.authorization === 'Bearer right' ? 200 : 401;
        if (body.includes('refuse')) response.statusCode = 400;
        response.end(`acme-${asked.length}`);
      });
    });
    await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
    try {
      const { acme } = await import(
        /* @vite-ignore */ copyWithSource(join(readmeFolder, 'backends/acme.ts'))
      );
      const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
      const backend: Backend = acme(url, 'right');
      const results: SendResult[] = [];
      const signal = new AbortController().signal;
      const two = [transmission(1, { text: 'take' }), transmission(2, { text: 'refuse' })];
      await backend.send(batchOf(two), (result) => results.push(result), signal);
      expect(results).toMatchObject([
        { transmissionId: two[0]?.id, outcome: 'sent', externalId: 'acme-1' },
        { transmissionId: two[1]?.id, outcome: 'failed', code: 'rejected', message: 'acme-2' },
      ]);
      expect(asked[0]?.get('reference')).toBe(two[0]?.id);
      const refused = acme(url, 'wrong').send(batchOf(two), () => {}, signal);
      await expect(refused).rejects.toMatchObject({ name: 'SendError', code: 'auth_failed' });
    } finally {
      gateway.closeAllConnections();
      gateway.close();
    }
  });
});

test('every config of the pages is accepted', { timeout: 60_000 }, async () => {
  const configs = files.filter((path) => path.endsWith('textyard.config.ts'));
  const program = join(work, 'check-configs.ts');
  writeFileSync(
    program,
    `import { loadSettings } from ${JSON.stringify(pathToFileURL(join(ROOT, 'src/config/load.ts')).href)};
     for (const configPath of ${JSON.stringify(configs)}) {
       const settings = await loadSettings({ configPath });
       for (const backend of settings.backends.values()) await backend.create();
       console.log('accepted');
     }`,
  );
  const { stdout } = await runProgram(program);
  expect(stdout).toBe('accepted\n'.repeat(configs.length));
  expect(configs.length).toBeGreaterThan(4);
});

describe('queries', () => {
  const queries = PAGES.flatMap((one) => [
    ...blocksOf(one, 'sql').map((query) => ({ path: one.path, query })),
    ...[...one.text.matchAll(/\| `(SELECT [^`]+)` \|/g)].map(([, query = '']) => ({ path: one.path, query })),
  ]);
  test.each(queries)('$path: $query', async ({ query }) => {
    await expect(database.query(query)).resolves.toBeInstanceOf(Array);
  });
});

/** Vitest finds no packages from a temporary folder: in a copy, the name becomes the source's address. */
function copyWithSource(path: string): string {
  const copy = path.replace(/\.ts$/, '.copy.ts');
  const source = JSON.stringify(join(ROOT, 'src/index.ts'));
  writeFileSync(copy, readFileSync(path, 'utf8').replace("'textyard'", source));
  return copy;
}
