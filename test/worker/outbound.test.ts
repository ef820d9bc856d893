import { describe, expect, it } from 'vitest';
import type { BackendConfig } from '../../src/config/settings.ts';
import { SendError } from '../../src/errors.ts';
import { failed, ScriptedBackend, sent } from '../support/scripted-backend.ts';
import { eventually, openTestYard, type TestYard } from '../support/yard.ts';

const quick = { attempts: 3, baseSeconds: 0.01, maxSeconds: 0.05 };

function line(backend: ScriptedBackend, more: object = {}): BackendConfig {
  return { backend, identities: 'any', retry: quick, ...more } as BackendConfig;
}

function yardWith(lines: Record<string, BackendConfig>, worker: object = {}): Promise<TestYard> {
  return openTestYard({
    backends: lines,
    apps: [],
    worker: { pollSeconds: 0.5, shutdownSeconds: 5, ...worker },
  });
}

const people = (backend: string, ...identities: string[]) =>
  identities.map((identity) => ({ backend, identity }));
const many = (backend: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({ backend, identity: `p${i}` }));

const statusOf = async (yard: TestYard, id: string) =>
  (await yard.sql<{ status: string }>('SELECT status FROM messages WHERE id = $1::uuid', [id]))[0]?.status;
const becomes = (yard: TestYard, id: string, status: string) =>
  eventually(async () => (await statusOf(yard, id)) === status, { what: `message ${id} becomes ${status}` });
const rowsOf = (yard: TestYard, id: string) =>
  yard.sql<{
    identity: string;
    status: string;
    attempts: number;
    error_code: string | null;
    dead_at: Date | null;
    external_id: string | null;
    claim_token: string | null;
  }>(
    `SELECT c.identity, t.* FROM transmissions t JOIN connections c ON c.id = t.connection_id
     WHERE t.message_id = $1::uuid ORDER BY t.id`,
    [id],
  );

describe('sending', () => {
  it('splits a message by backend into batches, and ends with S and the provider ids', async () => {
    const a = new ScriptedBackend();
    const b = new ScriptedBackend();
    await using yard = await yardWith({ a: line(a, { batchSize: 4 }), b: line(b) });
    await yard.startWorker();
    const report = await yard.router.send('hi', [...many('a', 10), ...many('b', 3)]);
    await becomes(yard, report.id, 'S');
    expect(a.batches.map((batch) => batch.transmissions.length).sort()).toEqual([2, 4, 4]);
    expect(b.batches.map((batch) => batch.transmissions.length)).toEqual([3]);
    const rows = await rowsOf(yard, report.id);
    expect(rows.every((row) => row.external_id === `ext-${(row as unknown as { id: string }).id}`)).toBe(
      true,
    );
    expect(rows.every((row) => row.claim_token === null)).toBe(true);
    const [message] = await yard.sql(
      'SELECT sent_count, sent IS NOT NULL AS sent FROM messages WHERE id = $1::uuid',
      [report.id],
    );
    expect(message).toEqual({ sent_count: 13, sent: true });
  });

  it('sends small messages of many senders in shared calls, each with its own text', async () => {
    const a = new ScriptedBackend();
    await using yard = await yardWith({ a: line(a) });
    const reports = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        yard.router.send(`text ${i}`, { backend: 'a', identity: `p${i}` }),
      ),
    );
    await yard.startWorker();
    for (const report of reports) await becomes(yard, report.id, 'S');
    expect(a.handed).toHaveLength(60);
    expect(a.handed.every((one) => one.text === `text ${one.identity.slice(1)}`)).toBe(true);
    expect(a.batches.length).toBeLessThan(20);
  });

  it('takes replies before bulk', async () => {
    const a = new ScriptedBackend();
    await using yard = await yardWith({ a: line(a, { batchSize: 10, concurrency: 1 }) });
    await yard.router.send('bulk', many('a', 600));
    const reply = await yard.router.send('reply', { backend: 'a', identity: 'urgent' }, { priority: 10 });
    await yard.startWorker();
    await becomes(yard, reply.id, 'S');
    const place = a.handed.findIndex((one) => one.text === 'reply');
    expect(place).toBe(0);
  });

  it('does not send before its time, nor after its validity', async () => {
    const a = new ScriptedBackend();
    await using yard = await yardWith({ a: line(a) });
    const due = new Date(Date.now() + 1_200);
    const later = await yard.router.send('later', { backend: 'a', identity: 'x' }, { sendAt: due });
    const late = await yard.router.send('late', people('a', 'y', 'z'), { validForSeconds: 0.001 });
    await yard.startWorker();
    await becomes(yard, late.id, 'E');
    expect((await rowsOf(yard, late.id)).map((row) => row.error_code)).toEqual(['expired', 'expired']);
    await becomes(yard, later.id, 'S');
    expect(Date.now()).toBeGreaterThanOrEqual(due.getTime());
    expect(a.handed.map((one) => one.text)).toEqual(['later']);
  });

  it('leaves out who was suppressed between sending and delivery', async () => {
    const a = new ScriptedBackend();
    await using yard = await yardWith({ a: line(a) });
    const report = await yard.router.send('hi', people('a', 'stays', 'leaves'));
    await yard.sql(`INSERT INTO suppressions (identity, scope, reason) VALUES ('leaves', 'a', 'STOP')`);
    await yard.startWorker();
    await becomes(yard, report.id, 'E');
    expect(a.handed.map((one) => one.identity)).toEqual(['stays']);
    expect((await rowsOf(yard, report.id)).map((row) => row.error_code)).toEqual([null, 'suppressed']);
  });

  it('serves only the backends it was given', async () => {
    const a = new ScriptedBackend();
    const b = new ScriptedBackend();
    await using yard = await yardWith({ a: line(a), b: line(b) }, { backends: ['b'] });
    const onA = await yard.router.send('x', { backend: 'a', identity: '1' });
    const onB = await yard.router.send('x', { backend: 'b', identity: '1' });
    await yard.startWorker();
    await becomes(yard, onB.id, 'S');
    expect(await statusOf(yard, onA.id)).toBe('Q');
    expect(a.handed).toHaveLength(0);
  });

  it('keeps to the segments a second of its backend', async () => {
    const a = new ScriptedBackend();
    await using yard = await yardWith({ a: line(a, { segmentsPerSecond: 40, batchSize: 10 }) });
    const report = await yard.router.send('x'.repeat(200), many('a', 40));
    const started = performance.now();
    await yard.startWorker();
    await becomes(yard, report.id, 'S');
    // 80 segments, of which a second's worth may pass at once.
    expect(performance.now() - started).toBeGreaterThan(800);
  });
});

describe('results', () => {
  it('tries passing failures again, and never what succeeded', async () => {
    const a = new ScriptedBackend((one) =>
      one.identity.startsWith('flaky') && one.attempt < 3 ? failed(one, 'provider_unavailable') : sent(one),
    );
    await using yard = await yardWith({ a: line(a) });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'ok-1', 'flaky-1', 'ok-2', 'flaky-2'));
    await becomes(yard, report.id, 'S');
    expect(Object.fromEntries(a.timesHanded())).toEqual({ 'ok-1': 1, 'ok-2': 1, 'flaky-1': 3, 'flaky-2': 3 });
    const [counts] = await yard.sql('SELECT sent_count, errored_count FROM messages WHERE id = $1::uuid', [
      report.id,
    ]);
    expect(counts).toEqual({ sent_count: 4, errored_count: 0 });
  });

  it('does not send again to a delivered one when its batch is retried', async () => {
    const a = new ScriptedBackend((one) =>
      one.identity === 'bad' ? failed(one, 'provider_error') : sent(one),
    );
    await using yard = await yardWith({
      a: line(a, { retry: { attempts: 2, baseSeconds: 0.6, maxSeconds: 0.6 } }),
    });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'good', 'bad'));
    const good = await eventually(() => a.handed.find((one) => one.identity === 'good'));
    await yard.router.receipt('a', { transmissionId: good.id, providerStatus: 'delivered', status: 'D' });
    await eventually(async () => (await rowsOf(yard, report.id)).some((row) => row.dead_at));
    expect(a.timesHanded().get('good')).toBe(1);
    expect((await rowsOf(yard, report.id)).map((row) => row.status)).toEqual(['D', 'E']);
  });

  it('gives up after the attempts, and says so', async () => {
    const a = new ScriptedBackend((one) => failed(one, 'network_unreachable'));
    await using yard = await yardWith({ a: line(a) });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x'));
    const [row] = await eventually(async () => {
      const rows = await rowsOf(yard, report.id);
      return rows[0]?.dead_at ? rows : undefined;
    });
    expect(row).toMatchObject({ status: 'E', attempts: 3, error_code: 'network_unreachable' });
    expect(a.handed.map((one) => one.attempt)).toEqual([1, 2, 3]);
  });

  it('does not try permanent failures again', async () => {
    const a = new ScriptedBackend((one) =>
      one.identity === 'x' ? failed(one, 'invalid_number') : sent(one),
    );
    await using yard = await yardWith({ a: line(a) });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x', 'y'));
    await becomes(yard, report.id, 'E');
    const rows = await rowsOf(yard, report.id);
    expect(rows.map((row) => [row.status, row.error_code, row.dead_at])).toEqual([
      ['E', 'invalid_number', null],
      ['S', null, null],
    ]);
    expect(a.handed).toHaveLength(2);
  });

  it('takes a SendError for all that was not reported, or for the identities it names', async () => {
    const a = new ScriptedBackend();
    a.call = async (batch) => {
      if (batch.transmissions[0]?.text === 'named') {
        throw new SendError('invalid_number', 'two were bad', { failedIdentities: ['b', 'c'] });
      }
      throw new SendError('rejected', 'all refused');
    };
    await using yard = await yardWith({ a: line(a) });
    await yard.startWorker();
    const named = await yard.router.send('named', people('a', 'a', 'b', 'c', 'd'));
    await becomes(yard, named.id, 'E');
    expect((await rowsOf(yard, named.id)).map((row) => row.status)).toEqual(['S', 'E', 'E', 'S']);
    const all = await yard.router.send('all', people('a', 'a', 'b'));
    await becomes(yard, all.id, 'E');
    expect((await rowsOf(yard, all.id)).map((row) => row.error_code)).toEqual(['rejected', 'rejected']);
  });

  it('writes results while the call still runs', async () => {
    const a = new ScriptedBackend();
    const { promise: finish, resolve } = Promise.withResolvers<void>();
    a.call = async (batch, report) => {
      const [first, ...rest] = batch.transmissions;
      report(sent(first!));
      await finish;
      for (const one of rest) report(sent(one));
    };
    await using yard = await yardWith({ a: line(a) });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x', 'y'));
    await eventually(async () => (await rowsOf(yard, report.id)).map((row) => row.status).join('') === 'SP');
    resolve();
    await becomes(yard, report.id, 'S');
  });

  it('ignores what a backend reports twice, late, or of others', async () => {
    const a = new ScriptedBackend();
    a.call = async (batch, report) => {
      for (const one of batch.transmissions) {
        report(sent(one));
        report(failed(one, 'rejected'));
      }
      report({ transmissionId: '00000000-0000-7000-8000-000000000000', outcome: 'sent' });
      report({} as never);
      setTimeout(() => report(failed(batch.transmissions[0]!, 'rejected')), 20);
    };
    await using yard = await yardWith({ a: line(a) });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x', 'y'));
    await becomes(yard, report.id, 'S');
    expect((await rowsOf(yard, report.id)).map((row) => row.status)).toEqual(['S', 'S']);
  });

  it('lets a receipt that was faster than the result stand', async () => {
    const a = new ScriptedBackend(undefined, 'transmission');
    a.call = async (batch, report) => {
      const [one] = batch.transmissions;
      await a.hooks!.receipt([
        { transmissionId: one!.id, externalId: 'fast', providerStatus: 'delivered', status: 'D' },
      ]);
      report({ transmissionId: one!.id, outcome: 'sent', externalId: 'fast' });
    };
    await using yard = await yardWith({ a: line(a) });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x'));
    await becomes(yard, report.id, 'D');
    await eventually(async () => (await rowsOf(yard, report.id))[0]?.external_id === 'fast');
    const [row] = await yard.sql(
      'SELECT status, sent_count, delivered_count FROM messages WHERE id = $1::uuid',
      [report.id],
    );
    expect(row).toEqual({ status: 'D', sent_count: 0, delivered_count: 1 });
  });

  it('matches receipts by the provider id, also when they come before the result', async () => {
    const a = new ScriptedBackend();
    a.call = async (batch, report) => {
      for (const one of batch.transmissions) {
        await a.hooks!.receipt([
          { externalId: `id-${one.identity}`, providerStatus: 'DELIVRD', status: 'D' },
        ]);
        report({ transmissionId: one.id, outcome: 'sent', externalId: `id-${one.identity}` });
      }
    };
    await using yard = await yardWith({ a: line(a) });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x', 'y', 'z'));
    await becomes(yard, report.id, 'D');
  });
});
