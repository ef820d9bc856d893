import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestYard, type TestYard } from '../support/yard.ts';
import { TWO_BACKENDS, textyard, workFolder } from './command-line.ts';

let yard: TestYard;
let folder: ReturnType<typeof workFolder>;

beforeAll(async () => {
  folder = workFolder(TWO_BACKENDS);
  yard = await openTestYard(TWO_BACKENDS as Parameters<typeof openTestYard>[0]);
});
afterAll(async () => {
  await yard.close();
  folder[Symbol.dispose]();
});
beforeEach(async () => {
  await yard.sql('TRUNCATE messages, transmissions CASCADE; DELETE FROM pgboss.job');
});

const send = (args: string[], input?: string | Uint8Array) =>
  textyard(['send', ...args], {
    url: yard.url,
    folder: folder.path,
    ...(input === undefined ? {} : { input }),
  });

const rows = () =>
  yard.sql<{ identity: string; text: string | null; status: string }>(
    'SELECT c.identity, t.text, t.status FROM transmissions t JOIN connections c ON c.id = t.connection_id ORDER BY t.id',
  );

const PEOPLE = [
  'name,phone',
  'Ann,+1 (202) 555-0123',
  'Bob,00 44 7700 900123',
  'Cy,12',
  'Ann again,202.555.0123',
  ',202-555-0124',
  'Dee,202-555-0125,extra',
  'Eve,202-555-0126',
].join('\n');

describe('textyard send', () => {
  it('sends the good lines of a file with their texts, and names the bad ones', async () => {
    const csv = folder.file('people.csv', PEOPLE);
    const bad = join(folder.path, 'bad.csv');
    const { code, stdout, errors } = await send([
      '--backend',
      'a',
      '--csv',
      csv,
      '--text',
      'Hi {name}, {{yes}}',
      '--problems',
      bad,
      '--json',
    ]);
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ queued: 3, rejected: 3, duplicates: 1, suppressed: 0, replayed: false });
    expect(await rows()).toEqual([
      { identity: '+12025550123', text: 'Hi Ann, {yes}', status: 'Q' },
      { identity: '+447700900123', text: 'Hi Bob, {yes}', status: 'Q' },
      { identity: '+12025550126', text: 'Hi Eve, {yes}', status: 'Q' },
    ]);
    expect(errors.map((line) => line.slice(0, 17))).toEqual([
      'textyard: line 4:',
      'textyard: line 6:',
      'textyard: line 7:',
    ]);
    expect(report.problems.map((problem: { line: number }) => problem.line)).toEqual([4, 6, 7]);
    const written = readFileSync(bad, 'utf8').trim().split('\n');
    expect(written).toHaveLength(4);
    expect(written[0]).toBe('line,identity,problem');
    expect(written[2]).toBe('6,,"has nothing in column ""name"""');
  });

  it('sends to nobody with --strict, and names every bad line', async () => {
    const csv = folder.file('people.csv', PEOPLE);
    const { code, stdout, errors } = await send([
      '--backend',
      'a',
      '--csv',
      csv,
      '--text',
      'Hi {name}',
      '--strict',
    ]);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(errors).toHaveLength(4);
    expect(errors[3]).toBe('textyard: recipients: 3 lines are bad; strict, so nothing was sent');
    expect(await yard.sql('SELECT id FROM messages')).toEqual([]);
    expect(await yard.sql('SELECT id FROM pgboss.job')).toEqual([]);
  });

  it('names the first twenty bad lines and counts the rest', async () => {
    const lines = Array.from({ length: 50 }, (_, index) => `nobody ${index}`);
    const { code, errors } = await send(
      ['--backend', 'a', '--csv', '-', '--text', 'x'],
      ['phone', ...lines, '+12025550100'].join('\n'),
    );
    expect(code).toBe(0);
    expect(errors).toHaveLength(21);
    expect(errors[20]).toMatch(/^textyard: and 30 more bad lines/);
  });

  it('counts with --dry-run what it then sends, and sends nothing', async () => {
    const csv = folder.file('people.csv', PEOPLE);
    const args = ['--backend', 'a', '--csv', csv, '--text', 'Hi {name} \u{1F44B}', '--json'];
    const dry = JSON.parse((await send([...args, '--dry-run'])).stdout);
    expect(dry).toMatchObject({ dryRun: true, recipients: 3, rejected: 3, duplicates: 1 });
    expect(dry.segments).toEqual({ least: 1, most: 1, total: 3 });
    expect(await yard.sql('SELECT id FROM messages')).toEqual([]);
    const real = JSON.parse((await send(args)).stdout);
    expect([real.queued, real.rejected, real.duplicates]).toEqual([3, 3, 1]);
  });

  it('reads standard input, takes numbers as options, and keeps time, priority and key', async () => {
    const key = ['--idempotency-key', 'k1'];
    const first = await send(
      [
        '--backend',
        'a',
        '--csv',
        '-',
        '--column',
        'handy',
        '--text',
        'x',
        '--at',
        '2099-01-01T00:00:00Z',
        '--valid-for',
        '60',
        '--priority',
        '7',
        '--json',
        ...key,
      ],
      '\ufeffhandy;ort\r\n+12025550123;Bonn\r\n',
    );
    expect(first.errors).toEqual([]);
    const [message] = await yard.sql('SELECT send_at, valid_until, priority, recipients FROM messages');
    expect(message).toEqual({
      send_at: new Date('2099-01-01T00:00:00Z'),
      valid_until: new Date('2099-01-01T00:01:00Z'),
      priority: 7,
      recipients: 1,
    });
    const again = await send([
      '--backend',
      'a',
      '--to',
      '+12025550123',
      '--to',
      '+12025550124',
      '--text',
      'x',
      '--json',
      ...key,
    ]);
    expect(JSON.parse(again.stdout)).toMatchObject({
      id: JSON.parse(first.stdout).id,
      replayed: true,
      queued: 0,
    });
    const other = await send(['--backend', 'a', '--to', '+12025550123', '--text', 'y', ...key]);
    expect(other).toMatchObject({
      code: 1,
      errors: [expect.stringMatching(/idempotencyKey: was used for another text/)],
    });
    expect(await yard.sql('SELECT id FROM messages')).toHaveLength(1);
  });

  it('warns of a text over ten segments, and sends it', async () => {
    const { code, errors } = await send([
      '--backend',
      'a',
      '--to',
      '+12025550123',
      '--text',
      'x'.repeat(1600),
    ]);
    expect(code).toBe(0);
    expect(errors).toEqual([expect.stringMatching(/^textyard: warning: text: takes 11 segments/)]);
  });

  it('sends a long file in one go', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `p${index}`);
    const { code, stdout } = await send(
      ['--backend', 'b', '--csv', '-', '--text', 'x', '--json'],
      ['phone', ...lines].join('\n'),
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ queued: 20_000, rejected: 0 });
    expect(await yard.sql('SELECT count(*)::int AS n FROM transmissions')).toEqual([{ n: 20_000 }]);
  });
});
