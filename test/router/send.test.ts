import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Recipient } from '../../src/router/recipients.ts';
import { ScriptedBackend } from '../support/scripted-backend.ts';
import { openTestYard, type TestYard } from '../support/yard.ts';

let yard: TestYard;
const cancelled: string[] = [];

beforeAll(async () => {
  yard = await openTestYard({
    backends: {
      us: { backend: new ScriptedBackend(), defaultCountry: 'US', batchSize: 3 },
      names: { backend: new ScriptedBackend(), identities: 'any' },
    },
    apps: [
      {
        name: 'censor',
        outgoing(message) {
          if (message.text === 'cancel me') {
            cancelled.push(message.id);
            return false;
          }
          if (message.text.includes('rude')) message.text = message.text.replace('rude', 'kind');
        },
      },
    ],
  });
});
afterAll(() => yard.close());

const message = async (id: string) => (await yard.sql('SELECT * FROM messages WHERE id = $1::uuid', [id]))[0];
const transmissions = (id: string) =>
  yard.sql<{
    identity: string;
    status: string;
    error_code: string | null;
    text: string | null;
    segments: number;
  }>(
    `SELECT c.identity, t.* FROM transmissions t JOIN connections c ON c.id = t.connection_id
     WHERE message_id = $1::uuid ORDER BY t.id`,
    [id],
  );
const jobsOf = (backend: string) =>
  yard.sql<{ count: number; ranges: [string, string][]; priority: number; start_after: Date }>(
    `SELECT (data->>'count')::int AS count, data->'ranges' AS ranges, priority, start_after
     FROM pgboss.job WHERE name = 'outbound.' || $1::text ORDER BY created_on, id`,
    [backend],
  );
const counts = async () =>
  (
    await yard.sql(`SELECT (SELECT count(*) FROM messages)::int AS messages,
      (SELECT count(*) FROM transmissions)::int AS transmissions, (SELECT count(*) FROM pgboss.job)::int AS jobs`)
  )[0];

describe('send', () => {
  it('stores the message, a transmission per recipient and batch jobs of the batch size', async () => {
    const before = (await jobsOf('us')).length;
    const report = await yard.router.send(
      'Clinic is open',
      Array.from({ length: 7 }, (_, i) => ({ backend: 'us', identity: `(202) 555-010${i}` })),
    );
    expect(report).toMatchObject({ queued: 7, rejected: 0, suppressed: 0, duplicates: 0, segments: 1 });
    expect(await message(report.id)).toMatchObject({
      status: 'Q',
      direction: 'O',
      recipients: 7,
      text: 'Clinic is open',
    });
    const rows = await transmissions(report.id);
    expect(rows.map((row) => row.identity)).toEqual(Array.from({ length: 7 }, (_, i) => `+1202555010${i}`));
    expect(new Set(rows.map((row) => row.status))).toEqual(new Set(['Q']));
    const jobs = (await jobsOf('us')).slice(before);
    expect(jobs.map((job) => job.count)).toEqual([3, 3, 1]);
  });

  it('accepts one connection, a list, a generator and an async stream', async () => {
    async function* stream(): AsyncGenerator<Recipient> {
      for (let i = 0; i < 5; i++) yield { backend: 'names', identity: `stream-${i}` };
    }
    function* generator(): Generator<Recipient> {
      yield { backend: 'names', identity: 'generated' };
    }
    const [connection] = await yard.router.lookupConnections('names', ['looked-up']);
    expect((await yard.router.send('a', connection!)).queued).toBe(1);
    expect((await yard.router.send('a', [connection!])).queued).toBe(1);
    expect((await yard.router.send('a', generator())).queued).toBe(1);
    const streamed = await yard.router.send('a', stream());
    expect(streamed.queued).toBe(5);
    expect(await message(streamed.id)).toMatchObject({ recipients: 5 });
  });

  it('sends to the connections that a query finds', async () => {
    await yard.router.lookupConnections('names', ['ami', 'amie', 'friend']);
    await yard.sql(`WITH c AS (INSERT INTO contacts (language) VALUES ('fr') RETURNING id)
      UPDATE connections SET contact_id = c.id FROM c WHERE identity IN ('ami', 'amie')`);
    const report = await yard.router.send(
      'Bonjour',
      yard.router.connections({ contact: { language: 'fr' } }),
    );
    expect((await transmissions(report.id)).map((row) => row.identity)).toEqual(['ami', 'amie']);
  });

  it('reports bad recipients by line and sends to the good ones', async () => {
    const seen: number[] = [];
    const report = await yard.router.send(
      'hello',
      [
        { backend: 'us', identity: '+12025550110' },
        { backend: 'us', identity: 'not a number' },
        { backend: 'us', identity: '+12025550111', line: 40 },
        { backend: 'us', identity: '', line: 41 },
      ],
      { onProblem: (problem) => seen.push(problem.line) },
    );
    expect(report).toMatchObject({ queued: 2, rejected: 2 });
    expect(report.problems.map((problem) => problem.line)).toEqual([2, 41]);
    expect(seen).toEqual([2, 41]);
  });

  it('sends to nobody in strict mode with one bad recipient, of a list and of a stream', async () => {
    const before = await counts();
    const recipients = [
      ...Array.from({ length: 20 }, (_, i) => ({ backend: 'us', identity: `+1202555012${i % 10}` })),
      { backend: 'us', identity: 'garbage', line: 99 },
    ];
    await expect(yard.router.send('x', recipients, { strict: true })).rejects.toThrow(/line 99: garbage/);
    await expect(yard.router.send('x', recipients.values(), { strict: true })).rejects.toThrow(
      /line 99: garbage/,
    );
    expect(await counts()).toEqual(before);
  });

  it('makes one transmission of a recipient given twice', async () => {
    const twice = [
      { backend: 'us', identity: '+12025550130' },
      { backend: 'us', identity: '+1 202 555 0130' },
      { backend: 'us', identity: '+12025550131' },
    ];
    for (const recipients of [twice, twice.values()]) {
      const report = await yard.router.send('once', recipients);
      expect(report).toMatchObject({ queued: 2, duplicates: 1 });
      expect(await message(report.id)).toMatchObject({ recipients: 2 });
    }
  });

  it('personalises texts and counts their segments', async () => {
    const report = await yard.router.send('Hi {name}', [
      { backend: 'names', identity: 'ann', text: 'Hi Ann' },
      { backend: 'names', identity: 'bob', text: `Hi ${'B'.repeat(200)}` },
      { backend: 'names', identity: 'eve' },
    ]);
    const rows = await transmissions(report.id);
    expect(rows.map((row) => row.text)).toEqual(['Hi Ann', `Hi ${'B'.repeat(200)}`, null]);
    expect(rows.map((row) => row.segments)).toEqual([1, 2, 1]);
  });

  it('honours the suppression list, and says whom it left out', async () => {
    await yard.sql(
      `INSERT INTO suppressions (identity, scope, reason) VALUES ('out', '*', 'STOP'), ('in', 'us', 'STOP')`,
    );
    const list = ['out', 'in', 'other'].map((identity) => ({ backend: 'names', identity }));
    for (const recipients of [list, list.values()]) {
      const report = await yard.router.send('news', recipients);
      expect(report).toMatchObject({ queued: 2, suppressed: 1, rejected: 0 });
      expect(report.problems).toEqual([expect.objectContaining({ identity: 'out', code: 'suppressed' })]);
      expect(await message(report.id)).toMatchObject({ recipients: 3, errored_count: 1, status: 'E' });
      const rows = await transmissions(report.id);
      expect(rows.find((row) => row.identity === 'out')).toMatchObject({
        status: 'E',
        error_code: 'suppressed',
      });
    }
  });

  it('sends once for one idempotency key, also when the calls run side by side', async () => {
    const calls = Array.from({ length: 8 }, () =>
      yard.router.send('bill', { backend: 'names', identity: 'payer' }, { idempotencyKey: 'bill-1' }),
    );
    const reports = await Promise.all(calls);
    expect(new Set(reports.map((report) => report.id)).size).toBe(1);
    expect(reports.filter((report) => !report.replayed)).toHaveLength(1);
    const again = await yard.router.send('bill', [{ backend: 'names', identity: 'payer' }].values(), {
      idempotencyKey: 'bill-1',
    });
    expect(again).toMatchObject({ replayed: true, id: reports[0]!.id });
    expect(await transmissions(reports[0]!.id)).toHaveLength(1);
    await expect(
      yard.router.send('another text', { backend: 'names', identity: 'payer' }, { idempotencyKey: 'bill-1' }),
    ).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('commits and rolls back with the caller’s own transaction', async () => {
    const before = await counts();
    await expect(
      yard.prisma.$transaction(async (tx) => {
        await yard.router.send('order', { backend: 'names', identity: 'buyer' }, { tx });
        await yard.router.send('order', [{ backend: 'names', identity: 'buyer' }].values(), { tx });
        throw new Error('the order failed');
      }),
    ).rejects.toThrow('the order failed');
    expect(await counts()).toEqual(before);
    const report = await yard.prisma.$transaction((tx) =>
      yard.router.send('order', { backend: 'names', identity: 'buyer' }, { tx }),
    );
    expect(await message(report.id)).toMatchObject({ text: 'order', status: 'Q' });
    const client = await yard.database.pool.connect();
    try {
      await client.query('BEGIN');
      const viaPg = await yard.router.send('order', { backend: 'names', identity: 'buyer' }, { tx: client });
      await client.query('COMMIT');
      expect(await message(viaPg.id)).toMatchObject({ text: 'order' });
    } finally {
      client.release();
    }
  });

  it('keeps the time, the priority and the validity it was given', async () => {
    const sendAt = new Date(Date.now() + 3_600_000);
    const report = await yard.router.send(
      'later',
      { backend: 'names', identity: 'x' },
      {
        sendAt,
        priority: 7,
        validForSeconds: 600,
        fields: { campaign: 'spring' },
      },
    );
    const row = await message(report.id);
    expect(row).toMatchObject({ priority: 7, fields: { campaign: 'spring' } });
    expect(row!.send_at).toEqual(sendAt);
    expect((row!.valid_until as Date).getTime() - sendAt.getTime()).toBe(600_000);
    const job = (await jobsOf('names')).at(-1)!;
    expect(job.priority).toBe(7);
    expect(Math.abs(job.start_after.getTime() - sendAt.getTime())).toBeLessThan(1_000);
  });

  it('lets apps change and cancel what goes out', async () => {
    const report = await yard.router.send('a rude text', { backend: 'names', identity: 'x' });
    expect(await message(report.id)).toMatchObject({ text: 'a kind text' });
    const before = await counts();
    expect(await yard.router.send('cancel me', { backend: 'names', identity: 'x' })).toMatchObject({
      cancelled: true,
    });
    expect(cancelled).toHaveLength(1);
    expect(await counts()).toEqual(before);
  });

  it('warns of a text over ten segments, and sends it', async () => {
    const report = await yard.router.send('x'.repeat(1600), { backend: 'names', identity: 'x' });
    expect(report.warnings[0]).toMatch(/11 segments/);
    expect(report.queued).toBe(1);
  });

  it.each([
    [
      'an unknown backend',
      () => yard.router.send('x', { backend: 'nope', identity: 'a' }),
      /no backend "nope"; configured: us, names/,
    ],
    [
      'an empty text',
      () => yard.router.send('  ', { backend: 'us', identity: '+12025550100' }),
      /text: is empty/,
    ],
    ['a NUL character', () => yard.router.send('a\0b', { backend: 'us', identity: '+12025550100' }), /NUL/],
    ['no recipients', () => yard.router.send('x', []), /recipients: there are none/],
    ['an empty stream', () => yard.router.send('x', [].values()), /recipients: there are none/],
    [
      'only bad recipients',
      () => yard.router.send('x', { backend: 'us', identity: '12' }),
      /recipients: all 1 are bad/,
    ],
    [
      'a wrong priority',
      () => yard.router.send('x', { backend: 'names', identity: 'a' }, { priority: 1.5 }),
      /priority/,
    ],
    [
      'a wrong validity',
      () => yard.router.send('x', { backend: 'names', identity: 'a' }, { validForSeconds: 0 }),
      /validForSeconds/,
    ],
    [
      'a wrong date',
      () => yard.router.send('x', { backend: 'names', identity: 'a' }, { sendAt: new Date('x') }),
      /sendAt/,
    ],
  ])('refuses %s with a clear error and stores nothing', async (_, attempt, expected) => {
    const before = await counts();
    await expect(attempt()).rejects.toThrow(expected);
    await expect(attempt()).rejects.toMatchObject({ name: 'TextyardError' });
    expect(await counts()).toEqual(before);
  });

  it('shares commits between concurrent sends', async () => {
    await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        yard.router.send(`shared ${i}`, { backend: 'names', identity: `many-${i}` }),
      ),
    );
    const [row] = await yard.sql<{ messages: number; commits: number }>(
      `SELECT count(*)::int AS messages, count(DISTINCT xmin::text)::int AS commits FROM messages WHERE text LIKE 'shared %'`,
    );
    expect(row!.messages).toBe(300);
    expect(row!.commits).toBeLessThan(30);
  });

  it('does not let one send that the database refuses take those beside it along', async () => {
    const settled = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) =>
        yard.router.send(
          `beside ${i}`,
          { backend: 'names', identity: `many-${i}` },
          i === 20 ? { fields: { bad: '\0' } } : {},
        ),
      ),
    );
    expect(settled.flatMap((one, i) => (one.status === 'rejected' ? [i] : []))).toEqual([20]);
    const [row] = await yard.sql(`SELECT count(*)::int AS n FROM messages WHERE text LIKE 'beside %'`);
    expect(row).toEqual({ n: 39 });
  });
});
