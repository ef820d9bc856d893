/**
 * Builds the package: `node scripts/build.ts [folder]` empties the folder (dist/ unless given) and
 * fills it with JavaScript, declarations and source maps of src/.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = resolve(process.argv[2] ?? join(root, 'dist'));

if (!existsSync(join(root, 'src/store/generated/client.ts'))) {
  fail('the Prisma client is missing: run "npm ci", or "node scripts/generate-client.ts".');
}
rmSync(folder, { recursive: true, force: true });

// The compiler is a program, not a library, from version 7 on.
const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { tsc: string } };
const compiler = join(dirname(manifest), bin.tsc);
const { status, error } = spawnSync(
  process.execPath,
  [compiler, '--project', join(root, 'tsconfig.build.json'), '--outDir', folder],
  { stdio: 'inherit' },
);
if (error) fail(error.message);
if (status !== 0) process.exit(status ?? 1);

const command = join(folder, 'cli/textyard.js');
if (!readFileSync(command, 'utf8').startsWith('#!/usr/bin/env node\n')) {
  fail(`${command} has lost its first line, by which the shell knows how to run it.`);
}
chmodSync(command, 0o755);

function fail(reason: string): never {
  console.error(`build: ${reason}`);
  process.exit(1);
}
