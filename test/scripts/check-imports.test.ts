import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkImports } from '../../scripts/check-imports.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'textyard-imports-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

async function project(files: Record<string, string>): Promise<string[]> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return checkImports(root).map(({ file, line, rule }) => `${file}:${line}: ${rule}`);
}

/** Files that everything may import. */
const ground = {
  'src/errors.ts': '',
  'src/sms/number.ts': '',
  'src/router/send.ts': '',
  'src/store/tables.ts': '',
};

describe('layers', () => {
  test('downwards and sideways is fine', async () => {
    expect(
      await project({
        ...ground,
        'src/main.ts': "import './router/send.ts';\nimport { x } from './http/server.ts';\n",
        'src/http/server.ts':
          "import type { X } from '../config/settings.ts';\nimport '../router/send.ts';\n",
        'src/config/settings.ts': "import { y } from '../errors.ts';\nimport { z } from 'zod';\n",
        'src/jobs/queue.ts': "import { PgBoss } from 'pg-boss';\nimport '../store/tables.ts';\n",
        'src/store/client.ts':
          "import pg from 'pg';\nimport { PrismaPg } from '@prisma/adapter-pg';\nimport { PrismaClient } from './generated/client.ts';\nconst rows = db.$queryRaw`select 1`;\n",
        'src/store/generated/client.ts': "import '../../http/server.ts';\n",
        'src/cli/version.ts': "import manifest from '../../package.json' with { type: 'json' };\n",
      }),
    ).toEqual([]);
  });

  test.each<[what: string, path: string, text: string, says: string]>([
    ['upwards', 'src/router/x.ts', "import { s } from '../http/s.ts';", '1: router must not import http'],
    [
      'type only',
      'src/store/x.ts',
      "import type { S } from '../router/send.ts';",
      '1: store must not import router',
    ],
    ['re-export', 'src/sms/x.ts', "export * from '../router/send.ts';", '1: sms must not import router'],
    [
      're-export of types',
      'src/jobs/x.ts',
      "export type { S } from '../router/send.ts';",
      '1: jobs must not import router',
    ],
    ['side effect', 'src/worker/x.ts', "import '../cli/s.ts';", '1: worker must not import cli'],
    [
      'several lines',
      'src/jobs/x.ts',
      "\nimport {\n  a,\n  type B,\n} from '../router/send.ts';",
      '5: jobs must not import router',
    ],
    [
      'dynamic',
      'src/jobs/x.ts',
      "const r = await import('../router/send.ts');",
      '1: jobs must not import router',
    ],
    [
      'type query',
      'src/jobs/x.ts',
      "let r: import('../router/send.ts').Send;",
      '1: jobs must not import router',
    ],
    [
      'default and names',
      'src/jobs/x.ts',
      "import r, { s } from '../router/send.ts';",
      '1: jobs must not import router',
    ],
    [
      'backend to store',
      'src/backends/x/y.ts',
      "import '../../store/tables.ts';",
      '1: backends must not import store',
    ],
    [
      'backend to router',
      'src/backends/x/y.ts',
      "import '../../router/send.ts';",
      '1: backends must not import router',
    ],
    ['sms to errors', 'src/sms/x.ts', "import '../errors.ts';", '1: sms must not import errors.ts'],
    ['pg outside store', 'src/worker/x.ts', "import { Pool } from 'pg';", '1: only src/store imports pg'],
    [
      'pg-copy-streams',
      'src/worker/x.ts',
      "import { from } from 'pg-copy-streams';",
      '1: only src/store imports pg-copy-streams',
    ],
    [
      'prisma outside store',
      'src/jobs/x.ts',
      "import type { P } from '@prisma/client/runtime/client';",
      '1: only src/store imports @prisma/client/runtime/client',
    ],
    [
      'pg-boss outside jobs',
      'src/store/x.ts',
      "import { PgBoss } from 'pg-boss';",
      '1: only src/jobs imports pg-boss',
    ],
    [
      'SQL outside store',
      'src/worker/x.ts',
      'const n = await tx.$executeRawUnsafe(text);',
      '1: only src/store issues SQL',
    ],
    [
      'no such layer',
      'src/lib/x.ts',
      '',
      '1: src/lib belongs to no layer; give it one in scripts/check-imports.ts',
    ],
    [
      'out of src',
      'src/worker/x.ts',
      "import '../../test/support/db.ts';",
      '1: src does not import test/support/db.ts',
    ],
    ['another ending', 'src/router/x.ts', "import './send.js';", '1: "./send.js" must end in .ts'],
    ['no such file', 'src/router/x.ts', "import './gone.ts';", '1: there is no src/router/gone.ts'],
    ['util', 'src/router/util.ts', '', '1: no file or folder is called common, utils or helpers'],
    ['helpers in tests', 'test/helpers/db.ts', '', '1: no file or folder is called common, utils or helpers'],
  ])('%s', async (_, path, text, says) => {
    const others = { ...ground, 'src/http/s.ts': '', 'src/cli/s.ts': '' };
    expect(await project({ ...others, [path]: `${text}\n` })).toEqual([`${path}:${says}`]);
  });

  test('comments and plain strings are no imports', async () => {
    const text = [
      '/**',
      " * import { send } from '../router/send.ts';",
      ' * db.$queryRaw`select 1`',
      ' */',
      "// const r = await import('../router/send.ts');",
      "export const from = 'pg';",
      "export function read() { return 'from'; }",
    ].join('\n');
    expect(await project({ ...ground, 'src/jobs/x.ts': text })).toEqual([]);
  });
});

describe('circles', () => {
  test('a circle of types over three files is reported once', async () => {
    expect(
      await project({
        'src/router/a.ts': "import type { B } from './b.ts';\n",
        'src/router/b.ts': "import type { C } from './c.ts';\n",
        'src/router/c.ts': "\nimport type { A } from './a.ts';\n",
        'src/router/outside.ts': "import './c.ts';\n",
      }),
    ).toEqual(['src/router/c.ts:2: circle: router/a.ts -> router/b.ts -> router/c.ts -> router/a.ts']);
  });

  test('a file that imports itself', async () => {
    expect(await project({ 'src/sms/a.ts': "import './a.ts';\n" })).toEqual([
      'src/sms/a.ts:1: circle: sms/a.ts -> sms/a.ts',
    ]);
  });

  test('two ways to one file are no circle', async () => {
    expect(
      await project({
        'src/sms/a.ts': "import './b.ts';\nimport './c.ts';\n",
        'src/sms/b.ts': "import './c.ts';\n",
        'src/sms/c.ts': '',
      }),
    ).toEqual([]);
  });
});

describe('length', () => {
  const long = 'export {};\n'.repeat(331);
  test('more than 330 lines', async () => {
    expect(await project({ 'src/sms/a.ts': long, 'src/sms/b.ts': 'export {};\n'.repeat(330) })).toEqual([
      'src/sms/a.ts:331: 331 lines; over 330 its first lines must say that it is long because …',
    ]);
  });
  test('unless its first lines say why', async () => {
    const why = '/**\n * This file is long because the table is one.\n */\n';
    expect(await project({ 'src/sms/a.ts': why + long })).toEqual([]);
    expect(await project({ 'src/sms/a.ts': long + why })).toHaveLength(1);
  });
});

test('as a command it prints what it found and exits with 1, or is silent', async () => {
  const script = fileURLToPath(new URL('../../scripts/check-imports.ts', import.meta.url));
  const run = () => spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
  await project(ground);
  expect(run()).toMatchObject({ status: 0, stdout: '', stderr: '' });
  await project({ 'src/sms/x.ts': "\nimport '../store/tables.ts';\n" });
  expect(run()).toMatchObject({ status: 1, stderr: 'src/sms/x.ts:2: sms must not import store\n' });
});
