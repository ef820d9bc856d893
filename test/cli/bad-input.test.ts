import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { openTestYard, type TestYard } from '../support/yard.ts';
import { TWO_BACKENDS, textyard, workFolder } from './command-line.ts';

let yard: TestYard;
let folder: ReturnType<typeof workFolder>;

beforeAll(async () => {
  folder = workFolder(TWO_BACKENDS);
  yard = await openTestYard(TWO_BACKENDS as Parameters<typeof openTestYard>[0]);
  folder.file('header-only.csv', 'phone,name\n');
  folder.file('no-header.csv', '+12025550123,Ann\n+12025550124,Bob\n');
  folder.file('latin1.csv', Buffer.from('phone,name\n+12025550123,Ann\n+12025550124,Zo\xeb\n', 'latin1'));
  folder.file('binary.csv', Buffer.from([0x50, 0x4b, 0x03, 0x04, 0, 1, 2, 3, 4, 5]));
  folder.file('nul.csv', Buffer.from('phone\n+1202555\x000\n'));
  folder.file('quote.csv', 'phone,name\n+12025550123,"Ann\n+12025550124,Bob\n');
  folder.file('empty.csv', '');
  folder.file('all-bad.csv', 'phone\nnobody\nno one\n');
  folder.file('misshapen.csv', 'phone,name\n1\n');
});
afterAll(async () => {
  await yard.close();
  folder[Symbol.dispose]();
});

const csv = (name: string, text = 'x') => ['send', '--backend', 'a', '--csv', name, '--text', text];
const to = (number: string, text = 'x') => ['send', '--backend', 'a', '--to', number, '--text', text];

describe('bad input', () => {
  it.concurrent.each<[string, string[], RegExp]>([
    [
      'an unknown backend',
      ['send', '--backend', 'z', '--to', '+12025550123', '--text', 'x'],
      /no backend "z"; configured: a, b/,
    ],
    ['an empty text', to('+12025550123', ''), /text: is empty/],
    ['an invalid number', to('12'), /"12" is too short/],
    [
      'a backend left out',
      ['send', '--to', '+12025550123', '--text', 'x'],
      /--backend: there are several.*: a, b/,
    ],
    ['no recipients', csv('header-only.csv'), /recipients: there are none; give at least one/],
    ['an empty file', csv('empty.csv'), /the file is empty; its first line must name the columns/],
    ['a file without a header', csv('no-header.csv'), /line 1: .* put a first line above it/],
    ['a file in another encoding', csv('latin1.csv'), /line 3: is not valid UTF-8; .*iconv/],
    ['a workbook', csv('binary.csv'), /no CSV but an Excel workbook/],
    ['a NUL byte', csv('nul.csv'), /line 2: has a NUL byte/],
    ['an open quote', csv('quote.csv'), /line 2: .*quote/],
    ['a file that is not there', csv('nope.csv'), /nope\.csv: there is no such file/],
    ['a folder as a file', csv('.'), /it is a folder/],
    ['a column that is not there', [...csv('header-only.csv'), '--column', 'fax'], /no column "fax"/],
    ['a name that is no column', csv('header-only.csv', 'Hi {nickname}'), /no column "nickname"/],
    ['a brace without a partner', to('+12025550123', 'Hi {name'), /has no partner/],
    ['a name without a file', to('+12025550123', 'Hi {name}'), /filled in from a CSV file/],
    ['a priority out of range', [...to('+12025550123'), '--priority', '101'], /priority: .*-100 to 100/],
    [
      'an unknown line to receive on',
      ['receive', '--backend', 'z', '--from', '+12025550123', '--text', 'x'],
      /no backend "z"/,
    ],
    ['an empty sender', ['receive', '--backend', 'a', '--from', ' ', '--text', 'x'], /identity: is empty/],
    ['an unknown message', ['status', '01938f6e-5c1a-7f00-b9a4-1f2e3d4c5b6a'], /there is no message/],
    [
      'an unknown backend to pause',
      ['backends', 'pause', 'z', '--reason', 'x'],
      /no backend "z"; there are a, b/,
    ],
    ['an unknown backend to filter by', ['messages', '--backend', 'z'], /no backend "z"/],
    [
      'an unknown backend to work for',
      ['worker', '--backends', 'a,z'],
      /--backends: no backend is called "z"; there are a, b/,
    ],
    [
      'a config that is not there',
      ['status', '--config', 'nope.ts'],
      /--config nope\.ts: there is no such file/,
    ],
  ])('%s: one line that says what to do', async (_what, args, expected) => {
    const { code, stdout, errors } = await textyard(args, { url: yard.url, folder: folder.path });
    expect(errors).toHaveLength(expected.source.includes('too short') ? 2 : 1);
    expect(errors.at(-1)).toMatch(expected);
    expect(errors.at(-1)).toMatch(/^textyard: /);
    expect(stdout).toBe('');
    expect([1, 2]).toContain(code);
  });

  it('names each line of a file that has no good one', async () => {
    const all = await textyard(csv('all-bad.csv'), { url: yard.url, folder: folder.path });
    expect(all).toMatchObject({
      code: 1,
      errors: [/line 2/, /line 3/, /all 2 are bad/].map((one) => expect.stringMatching(one)),
    });
    const shape = await textyard(csv('misshapen.csv'), { url: yard.url, folder: folder.path });
    expect(shape.errors.at(-1)).toMatch(/1 line is bad and none is good; nothing was sent/);
  });

  it('has written nothing', async () => {
    expect(await yard.sql('SELECT id FROM messages')).toEqual([]);
    expect(await yard.sql('SELECT id FROM connections')).toEqual([]);
    expect(await yard.sql('SELECT id FROM pgboss.job')).toEqual([]);
    expect(await yard.sql("SELECT name FROM backends WHERE state = 'paused'")).toEqual([]);
  });
});

describe('a config that is wrong', () => {
  it.concurrent.each<[string, object | string, RegExp[]]>([
    [
      'a misspelt setting',
      { backends: { a: { type: 'simulator', batchsize: 5 } } },
      [/textyard\.config\.mjs: backends\.a\.batchsize: .*batchSize/],
    ],
    [
      'several mistakes',
      { backends: { a: { type: 'simulator', concurrency: 0 } }, worker: { pollSeconds: 'often' } },
      [/worker\.pollSeconds/, /backends\.a\.concurrency/],
    ],
    ['a syntax error', 'export default {\n  backends: {\n', [/textyard\.config\.mjs:\d+: SyntaxError/]],
  ])('%s: a line for each, with its path', async (_what, config, expected) => {
    using wrong = workFolder(config);
    const { code, stdout, errors } = await textyard(['status'], { url: yard.url, folder: wrong.path });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(errors).toEqual(expected.map((one) => expect.stringMatching(one)));
  });
});

describe('a database that cannot be used', () => {
  const status = (url: string) => textyard(['status'], { url, folder: folder.path });
  const changed = (change: (url: URL) => void) => {
    const url = new URL(yard.url);
    change(url);
    return url.href;
  };

  it('that does not answer ends with exit code 3', async () => {
    const outcome = await status('postgresql://textyard:secret@127.0.0.1:1/textyard');
    expect(outcome).toMatchObject({ code: 3, stdout: '' });
    expect(outcome.errors).toEqual([
      expect.stringMatching(/Nothing answers at 127\.0\.0\.1:1: .*DATABASE_URL/),
    ]);
  });

  it('for which the URL is wrong', async () => {
    const malformed = await status('mysql://localhost/x');
    expect(malformed).toMatchObject({
      code: 1,
      errors: [expect.stringMatching(/DATABASE_URL: must be a URL such as/)],
    });
    const missing = await status(
      changed((url) => {
        url.pathname = '/nowhere';
      }),
    );
    expect(missing).toMatchObject({
      code: 1,
      errors: [expect.stringMatching(/There is no database "nowhere".*createdb/)],
    });
    const password = await status(
      changed((url) => {
        url.password = 'not-the-password';
      }),
    );
    expect(password).toMatchObject({
      code: 1,
      errors: [expect.stringMatching(/does not accept the password/)],
    });
    expect(password.stderr).not.toContain('not-the-password');
  });

  it('whose schema is older, newer or missing', async () => {
    const empty = await createTestDatabase({ empty: true });
    try {
      const missing = await status(empty.url);
      expect(missing).toMatchObject({
        code: 1,
        errors: [expect.stringMatching(/no Textyard tables yet: run .*migrate/)],
      });
      const migrated = await textyard(['migrate', '--json'], { url: empty.url, folder: folder.path });
      expect(JSON.parse(migrated.stdout).applied.length).toBeGreaterThan(0);
      expect(await status(empty.url)).toMatchObject({ code: 0 });
      const again = await textyard(['migrate', '--json'], { url: empty.url, folder: folder.path });
      expect(JSON.parse(again.stdout)).toEqual({ applied: [] });
    } finally {
      await empty.drop();
    }
    const older = await createTestDatabase();
    const yardOfOlder = await openTestYard({}, { url: older.url });
    try {
      await yardOfOlder.sql(
        `CREATE TABLE kept AS SELECT * FROM _prisma_migrations; DELETE FROM _prisma_migrations
         WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)`,
      );
      expect(await status(older.url)).toMatchObject({
        code: 1,
        errors: [expect.stringMatching(/older than this version.*run .*migrate/)],
      });
      await yardOfOlder.sql(
        `DELETE FROM _prisma_migrations; INSERT INTO _prisma_migrations SELECT * FROM kept;
         INSERT INTO _prisma_migrations SELECT gen_random_uuid(), checksum, finished_at, '29990101000000_future', logs, rolled_back_at, started_at, 1
         FROM kept LIMIT 1`,
      );
      for (const command of [['status'], ['migrate']]) {
        const newer = await textyard(command, { url: older.url, folder: folder.path });
        expect(newer).toMatchObject({
          code: 1,
          errors: [expect.stringMatching(/newer than this version.*upgrade/)],
        });
      }
    } finally {
      await yardOfOlder.close();
      await older.drop();
    }
  });

  it('shows the stack only when asked', async () => {
    const outcome = await textyard(['status'], {
      url: 'postgresql://127.0.0.1:1/x',
      folder: folder.path,
      env: { TEXTYARD_DEBUG: '1' },
    });
    expect(outcome.stderr).toMatch(/\n\s+at /);
  });
});
