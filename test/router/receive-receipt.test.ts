import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuid7 } from '../../src/store/uuid7.ts';
import { ScriptedBackend } from '../support/scripted-backend.ts';
import { openTestYard, type TestYard } from '../support/yard.ts';

let yard: TestYard;

beforeAll(async () => {
  yard = await openTestYard({
    backends: {
      a: { backend: new ScriptedBackend(), identities: 'any' },
      b: { backend: new ScriptedBackend() },
    },
  });
});
afterAll(() => yard.close());

describe('receive', () => {
  it('stores message, transmission and job in one commit, before it returns', async () => {
    const message = await yard.router.receive(
      'hi',
      { backend: 'b', identity: '+1 202 555 0100' },
      {
        externalId: 'SM1',
        fields: { to: '12345' },
      },
    );
    const [row] = await yard.sql(
      `SELECT m.status, m.direction, m.text, m.external_id, m.fields, c.identity, t.status AS transmission,
         m.xmin = t.xmin AND m.xmin = j.xmin AS together
       FROM messages m JOIN transmissions t ON t.message_id = m.id JOIN connections c ON c.id = t.connection_id
       JOIN pgboss.job j ON j.name = 'inbound' AND j.data->'ids' ? m.id::text WHERE m.id = $1::uuid`,
      [message.id],
    );
    expect(row).toEqual({
      status: 'Q',
      direction: 'I',
      text: 'hi',
      external_id: 'SM1',
      fields: { to: '12345' },
      identity: '+12025550100',
      transmission: 'Q',
      together: true,
    });
  });

  it('takes the same provider id once per backend, also side by side', async () => {
    const calls = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        yard.router.receive(`try ${i}`, { backend: 'a', identity: 'phone' }, { externalId: 'same' }),
      ),
    );
    expect(new Set(calls.map((call) => call.id)).size).toBe(1);
    expect(calls.filter((call) => !call.duplicate)).toHaveLength(1);
    const other = await yard.router.receive(
      'x',
      { backend: 'b', identity: '+12025550101' },
      { externalId: 'same' },
    );
    expect(other.duplicate).toBe(false);
  });

  it('takes the provider id from fields.external_id, as RapidSMS does', async () => {
    const [first, again] = await Promise.all(
      [1, 2].map(() =>
        yard.router.receive('x', { backend: 'a', identity: 'p' }, { fields: { external_id: 'from-fields' } }),
      ),
    );
    expect(first!.id).toBe(again!.id);
  });

  it('keeps senders that are no phone numbers, and empty texts, as they came', async () => {
    const message = await yard.router.receive('', { backend: 'b', identity: 'MPESA' });
    expect(message.connection.identity).toBe('MPESA');
  });

  it.each([
    [
      'an unknown backend',
      () => yard.router.receive('x', { backend: 'zzz', identity: 'p' }),
      /no backend "zzz"/,
    ],
    [
      'an empty identity',
      () => yard.router.receive('x', { backend: 'a', identity: ' ' }),
      /identity: is empty/,
    ],
    ['a NUL character', () => yard.router.receive('\0', { backend: 'a', identity: 'p' }), /NUL/],
  ])('refuses %s', async (_, attempt, expected) => {
    await expect(attempt()).rejects.toThrow(expected);
  });
});

describe('receipt', () => {
  /** A message with three transmissions, as they are after they were sent. */
  async function sentMessage(status: 'S' | 'P' = 'S') {
    const report = await yard.router.send(
      'text',
      ['x', 'y', 'z'].map((identity) => ({ backend: 'a', identity })),
    );
    const rows = await yard.sql<{ id: string }>(
      `UPDATE transmissions SET status = $2::status, external_id = 'ext-' || id WHERE message_id = $1::uuid RETURNING id`,
      [report.id, status],
    );
    await yard.sql(
      `UPDATE messages SET status = CASE WHEN $2::status = 'S' THEN 'S'::status ELSE 'P' END,
         sent_count = CASE WHEN $2::status = 'S' THEN 3 ELSE 0 END WHERE id = $1::uuid`,
      [report.id, status],
    );
    return { id: report.id, transmissions: rows.map((row) => row.id) };
  }
  const status = async (id: string) =>
    (
      await yard.sql<{ status: string; counts: string }>(
        `SELECT status::text, sent_count || '/' || delivered_count || '/' || errored_count AS counts FROM messages WHERE id = $1::uuid`,
        [id],
      )
    )[0];
  const one = async (id: string) =>
    (await yard.sql('SELECT * FROM transmissions WHERE id = $1::uuid', [id]))[0]!;

  it('makes a message D when all its transmissions are, and E when one is not delivered', async () => {
    const { id, transmissions } = await sentMessage();
    const [x, y, z] = transmissions as [string, string, string];
    await yard.router.receipt('a', {
      transmissionId: x,
      externalId: 'e1',
      providerStatus: 'delivered',
      status: 'D',
    });
    expect(await status(id)).toEqual({ status: 'S', counts: '2/1/0' });
    await yard.router.receipt('a', [
      { transmissionId: y, externalId: 'e2', providerStatus: 'delivered', status: 'D' },
      {
        transmissionId: z,
        externalId: 'e3',
        providerStatus: 'failed',
        status: 'E',
        errorCode: 'unreachable_handset',
      },
    ]);
    expect(await status(id)).toEqual({ status: 'E', counts: '0/2/1' });
    expect(await one(z)).toMatchObject({ status: 'E', error_code: 'unreachable_handset' });
    await yard.router.receipt('a', {
      transmissionId: z,
      externalId: 'e3',
      providerStatus: 'delivered',
      status: 'D',
    });
    expect(await status(id)).toEqual({ status: 'D', counts: '0/3/0' });
    expect(await one(z)).toMatchObject({ status: 'D', error_code: 'unreachable_handset' });
  });

  it('counts a receipt once, however often it comes', async () => {
    const { id, transmissions } = await sentMessage();
    const receipt = {
      transmissionId: transmissions[0]!,
      externalId: 'dup',
      providerStatus: 'delivered',
      status: 'D' as const,
    };
    await Promise.all(Array.from({ length: 20 }, () => yard.router.receipt('a', receipt)));
    await yard.router.receipt('a', [receipt, receipt]);
    expect(await status(id)).toEqual({ status: 'S', counts: '2/1/0' });
    const [row] = await yard.sql(`SELECT count(*)::int AS n FROM receipts WHERE external_id = 'dup'`);
    expect(row).toEqual({ n: 1 });
  });

  it('never goes back, in whatever order receipts come', async () => {
    const { transmissions } = await sentMessage('P');
    const id = transmissions[0]!;
    const say = (providerStatus: string, letter: 'S' | 'D' | 'E' | undefined) =>
      yard.router.receipt('a', {
        transmissionId: id,
        externalId: `order-${id}`,
        providerStatus,
        status: letter,
      });
    await say('delivered', 'D');
    for (const [word, letter] of [
      ['sent', 'S'],
      ['failed', 'E'],
      ['read', undefined],
    ] as const)
      await say(word, letter);
    expect(await one(id)).toMatchObject({ status: 'D' });
    const rows = await yard.sql(
      `SELECT provider_status, status FROM receipts WHERE external_id = $1 ORDER BY 1`,
      [`order-${id}`],
    );
    expect(rows).toHaveLength(4);
  });

  it('applies the furthest of several in one call', async () => {
    const { id, transmissions } = await sentMessage('P');
    await yard.router.receipt('a', [
      { transmissionId: transmissions[0]!, externalId: 'far', providerStatus: 'sent', status: 'S' },
      { transmissionId: transmissions[0]!, externalId: 'far', providerStatus: 'delivered', status: 'D' },
    ]);
    expect(await one(transmissions[0]!)).toMatchObject({ status: 'D' });
    expect(await status(id)).toEqual({ status: 'P', counts: '0/1/0' });
  });

  it('parks a receipt whose provider id is unknown, and matches it when the id comes', async () => {
    const { id, transmissions } = await sentMessage();
    await yard.router.receipt('a', { externalId: 'early-1', providerStatus: 'DELIVRD', status: 'D' });
    const [parked] = await yard.sql(`SELECT transmission_id FROM receipts WHERE external_id = 'early-1'`);
    expect(parked).toEqual({ transmission_id: null });
    await yard.sql(
      `INSERT INTO correlations (backend_id, external_id, transmission_id)
       SELECT id, 'early-1', $1::uuid FROM backends WHERE name = 'a'`,
      [transmissions[0]],
    );
    // The next parked receipt makes it look again; a worker does so every second.
    await yard.router.receipt('a', { externalId: 'never-known', providerStatus: 'DELIVRD', status: 'D' });
    expect(await status(id)).toEqual({ status: 'S', counts: '2/1/0' });
    const [left] = await yard.sql(`SELECT count(*)::int AS n FROM receipts WHERE transmission_id IS NULL`);
    expect(left).toEqual({ n: 1 });
  });

  it('counts concurrent receipts of one message exactly', async () => {
    const report = await yard.router.send(
      'many',
      Array.from({ length: 400 }, (_, i) => ({ backend: 'a', identity: `m${i}` })),
    );
    const rows = await yard.sql<{ id: string }>('SELECT id FROM transmissions WHERE message_id = $1::uuid', [
      report.id,
    ]);
    const shuffled = rows.map((row, i) => ({ row, key: (i * 7919) % 401 })).sort((p, q) => p.key - q.key);
    await Promise.all(
      shuffled.map(({ row }) =>
        yard.router.receipt('a', {
          transmissionId: row.id,
          externalId: row.id,
          providerStatus: 'delivered',
          status: 'D',
        }),
      ),
    );
    expect(await status(report.id)).toEqual({ status: 'D', counts: '0/400/0' });
  });

  it.each([
    ['no id', { providerStatus: 'x', status: 'D' as const }, /transmissionId or an externalId/],
    ['an id that is none', { transmissionId: '12', providerStatus: 'x', status: 'D' as const }, /not a UUID/],
  ])('refuses one with %s', async (_, receipt, expected) => {
    await expect(yard.router.receipt('a', receipt)).rejects.toThrow(expected);
  });

  it('keeps one for a transmission that is not there', async () => {
    const transmissionId = uuid7();
    await yard.router.receipt('a', { transmissionId, providerStatus: 'delivered', status: 'D' });
    const [row] = await yard.sql('SELECT count(*)::int AS n FROM receipts WHERE transmission_id = $1::uuid', [
      transmissionId,
    ]);
    expect(row).toEqual({ n: 1 });
  });
});
