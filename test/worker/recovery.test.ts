import { describe, expect, it } from 'vitest';
import type { BackendConfig } from '../../src/config/settings.ts';
import { openTextyard } from '../../src/main.ts';
import { failed, ScriptedBackend, sent } from '../support/scripted-backend.ts';
import { eventually, openTestYard, type TestYard } from '../support/yard.ts';

function line(backend: ScriptedBackend, more: object = {}): BackendConfig {
  const retry = { attempts: 3, baseSeconds: 0.01, maxSeconds: 0.05 };
  return { backend, identities: 'any', retry, ...more } as BackendConfig;
}
const worker = { pollSeconds: 0.5, shutdownSeconds: 5 };
const people = (backend: string, ...identities: string[]) =>
  identities.map((identity) => ({ backend, identity }));
const statuses = async (yard: TestYard, id: string) =>
  (
    await yard.sql<{ letters: string }>(
      `SELECT string_agg(status::text, '' ORDER BY id) AS letters FROM transmissions WHERE message_id = $1::uuid`,
      [id],
    )
  )[0]?.letters;
const become = (yard: TestYard, id: string, letters: string) =>
  eventually(async () => (await statuses(yard, id)) === letters, { what: `${id} becomes ${letters}` });

/** As a worker that was killed in a provider call leaves them: P, with its claim, its job given back. */
async function leaveBehind(yard: TestYard, id: string, leaseSeconds: number): Promise<void> {
  await yard.sql(
    `UPDATE transmissions SET status = 'P', attempts = 1, claim_token = gen_random_uuid(),
       lease_until = now() + $2::float8 * interval '1 second' WHERE message_id = $1::uuid`,
    [id, leaseSeconds],
  );
  await yard.sql(`UPDATE messages SET status = 'P' WHERE id = $1::uuid`, [id]);
}

describe('what a dead worker left', () => {
  it('is sent again with onUnknown resend, once its lease has ended and not before', async () => {
    const a = new ScriptedBackend();
    await using yard = await openTestYard({ backends: { a: line(a) }, apps: [], worker });
    const report = await yard.router.send('hi', people('a', 'x', 'y'));
    await leaveBehind(yard, report.id, 1.5);
    const ends = Date.now() + 1_500;
    await yard.startWorker();
    await become(yard, report.id, 'SS');
    expect(Date.now()).toBeGreaterThanOrEqual(ends);
    expect(a.handed.map((one) => one.attempt)).toEqual([2, 2]);
  });

  it('is held with onUnknown hold, and listed', async () => {
    const a = new ScriptedBackend();
    await using yard = await openTestYard({
      backends: { a: line(a, { onUnknown: 'hold' }) },
      apps: [],
      worker,
    });
    const report = await yard.router.send('hi', people('a', 'x', 'y'));
    await leaveBehind(yard, report.id, -1);
    await yard.startWorker();
    await become(yard, report.id, 'EE');
    expect(a.handed).toHaveLength(0);
    const rows = await yard.sql('SELECT error_code, dead_at IS NOT NULL AS dead FROM transmissions');
    expect(rows).toEqual([
      { error_code: 'unknown_outcome', dead: true },
      { error_code: 'unknown_outcome', dead: true },
    ]);
    const [message] = await yard.sql('SELECT status, errored_count FROM messages WHERE id = $1::uuid', [
      report.id,
    ]);
    expect(message).toEqual({ status: 'E', errored_count: 2 });
  });

  it('is settled by a receipt that says it was sent after all', async () => {
    const a = new ScriptedBackend();
    await using yard = await openTestYard({
      backends: { a: line(a, { onUnknown: 'hold' }) },
      apps: [],
      worker,
    });
    const report = await yard.router.send('hi', people('a', 'x'));
    await leaveBehind(yard, report.id, -1);
    await yard.startWorker();
    await become(yard, report.id, 'E');
    const [row] = await yard.sql<{ id: string }>('SELECT id FROM transmissions');
    await yard.router.receipt('a', { transmissionId: row!.id, providerStatus: 'sent', status: 'S' });
    await become(yard, report.id, 'S');
    const [message] = await yard.sql('SELECT status, errored_count, sent_count FROM messages');
    expect(message).toEqual({ status: 'S', errored_count: 0, sent_count: 1 });
  });
});

describe('unknown outcomes', () => {
  it.each([
    [
      'a plain exception',
      async () => {
        throw new Error('socket hang up');
      },
    ],
    ['a call that ends without a word', async () => {}],
  ])('of %s follow onUnknown', async (_, call) => {
    const resend = new ScriptedBackend();
    const hold = new ScriptedBackend();
    resend.call = call;
    hold.call = call;
    await using yard = await openTestYard({
      backends: { resend: line(resend), hold: line(hold, { onUnknown: 'hold' }) },
      apps: [],
      worker,
    });
    await yard.startWorker();
    const held = await yard.router.send('hi', people('hold', 'x'));
    const resent = await yard.router.send('hi', people('resend', 'x'));
    await become(yard, held.id, 'E');
    await eventually(() => resend.handed.length === 2);
    resend.call = undefined;
    await become(yard, resent.id, 'S');
    expect(hold.handed).toHaveLength(1);
  });

  it('come from a call that hangs, which is told to end after timeoutMs', async () => {
    const a = new ScriptedBackend();
    a.call = async (batch, report, signal) => {
      report(sent(batch.transmissions[0]!));
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    await using yard = await openTestYard({
      backends: { a: line(a, { onUnknown: 'hold', timeoutMs: 100 }) },
      apps: [],
      worker,
    });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x', 'y'));
    await become(yard, report.id, 'SE');
  });

  it('come from a call that hangs and does not heed its signal', async () => {
    const a = new ScriptedBackend();
    a.call = () => new Promise(() => {});
    await using yard = await openTestYard({
      backends: { a: line(a, { onUnknown: 'hold', timeoutMs: 100 }) },
      apps: [],
      worker,
    });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x'));
    await become(yard, report.id, 'E');
  });

  it('does not let a call that outlives its lease lose its claim', async () => {
    const a = new ScriptedBackend();
    const { promise: finish, resolve } = Promise.withResolvers<void>();
    a.call = async (batch, report) => {
      await finish;
      for (const one of batch.transmissions) report(sent(one));
    };
    await using yard = await openTestYard({
      backends: { a: line(a, { leaseSeconds: 1 }) },
      apps: [],
      worker,
    });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x'));
    await become(yard, report.id, 'P');
    const lease = async () =>
      (
        await yard.sql<{ left: number }>(`SELECT EXTRACT(EPOCH FROM lease_until - claimed.t)::float8 AS left
        FROM transmissions, (SELECT max(updated) AS t FROM transmissions) claimed`)
      )[0]!.left;
    // Renewed at least twice: the lease ends later than two of its lengths after the claim.
    await eventually(async () => (await lease()) > 2, { what: 'the lease is renewed' });
    resolve();
    await become(yard, report.id, 'S');
    expect(a.handed).toHaveLength(1);
  });

  it('ignores the late answer of a worker whose claim was taken over', async () => {
    const a = new ScriptedBackend();
    const { promise: finish, resolve } = Promise.withResolvers<void>();
    a.call = async (batch, report) => {
      await finish;
      for (const one of batch.transmissions) report(failed(one, 'rejected'));
    };
    await using yard = await openTestYard({ backends: { a: line(a) }, apps: [], worker });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x'));
    await become(yard, report.id, 'P');
    const successor = '00000000-0000-7000-8000-00000000beef';
    await yard.sql('UPDATE transmissions SET claim_token = $1::uuid', [successor]);
    resolve();
    await eventually(async () => {
      const [job] = await yard.sql<{ state: string }>(
        `SELECT state::text FROM pgboss.job WHERE name = 'outbound.a'`,
      );
      return job?.state === 'completed';
    });
    const [row] = await yard.sql('SELECT status, claim_token FROM transmissions');
    expect(row).toEqual({ status: 'P', claim_token: successor });
  });
});

describe('pausing', () => {
  it('pauses the backend on an error of the account, keeps the work, and goes on when resumed', async () => {
    const a = new ScriptedBackend((one) => failed(one, 'auth_failed'));
    await using yard = await openTestYard({ backends: { a: line(a) }, apps: [], worker });
    await yard.startWorker();
    const report = await yard.router.send('hi', people('a', 'x', 'y'));
    await eventually(
      async () =>
        (await yard.sql(`SELECT FROM backends WHERE state = 'paused' AND paused_reason ~ 'auth_failed'`))
          .length,
    );
    await become(yard, report.id, 'QQ');
    const tries = a.handed.length;
    a.script = sent;
    await yard.sql(`UPDATE backends SET state = 'running', paused_until = NULL`);
    await become(yard, report.id, 'SS');
    expect(tries).toBe(2);
    expect((await yard.sql('SELECT attempts FROM transmissions')).map((row) => row.attempts)).toEqual([1, 1]);
  });

  it('rests when throttled, for as long as the provider said, and loses nothing', async () => {
    let refused = 0;
    const a = new ScriptedBackend((one) => (refused++ < 5 ? failed(one, 'throttled', 700) : sent(one)));
    await using yard = await openTestYard({ backends: { a: line(a, { batchSize: 5 }) }, apps: [], worker });
    const report = await yard.router.send(
      'hi',
      people('a', ...Array.from({ length: 10 }, (_, i) => `p${i}`)),
    );
    const started = performance.now();
    await yard.startWorker();
    await become(yard, report.id, 'S'.repeat(10));
    expect(performance.now() - started).toBeGreaterThan(650);
  });

  it('fetches nothing while the backend says its line is down', async () => {
    const a = new ScriptedBackend();
    await using yard = await openTestYard({ backends: { a: line(a) }, apps: [], worker });
    await yard.startWorker();
    a.hooks!.ready(false, 'unbound');
    // A fetch that was under way when the line went down may still bring a job: it is put off then.
    const report = await yard.router.send('hi', people('a', 'x'));
    const other = await yard.router.receive('anything', { backend: 'a', identity: 'x' });
    await eventually(
      async () =>
        (await yard.sql(`SELECT FROM messages WHERE id = $1::uuid AND status = 'R'`, [other.id])).length,
    );
    expect(a.handed).toHaveLength(0);
    a.hooks!.ready(true);
    await become(yard, report.id, 'S');
  });
});

describe('several workers and their end', () => {
  it('share the work of one database, and hand over nothing twice', async () => {
    const one = new ScriptedBackend();
    const two = new ScriptedBackend();
    await using yard = await openTestYard({
      backends: { a: line(one, { batchSize: 20 }) },
      apps: [],
      worker,
    });
    const second = await openTextyard({
      config: { databaseUrl: yard.url, backends: { a: line(two, { batchSize: 20 }) }, apps: [], worker },
      log: yard.log,
    });
    for (const backend of [one, two]) {
      backend.call = async (batch, report) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        for (const transmission of batch.transmissions) report(sent(transmission));
      };
    }
    const report = await yard.router.send(
      'hi',
      Array.from({ length: 4_000 }, (_, i) => ({ backend: 'a', identity: `p${i}` })),
    );
    await Promise.all([yard.startWorker(), second.startWorker()]);
    await become(yard, report.id, 'S'.repeat(4_000));
    await second.close();
    expect(one.handed.length + two.handed.length).toBe(4_000);
    expect(new Set([...one.handed, ...two.handed].map((handed) => handed.id)).size).toBe(4_000);
    expect(Math.min(one.handed.length, two.handed.length)).toBeGreaterThan(0);
  });

  it('finish what is in flight when stopped, and fetch nothing more', async () => {
    const a = new ScriptedBackend();
    const { promise: finish, resolve } = Promise.withResolvers<void>();
    a.call = async (batch, report) => {
      await finish;
      for (const one of batch.transmissions) report(sent(one));
    };
    await using yard = await openTestYard({
      backends: { a: line(a, { batchSize: 1, concurrency: 1 }) },
      apps: [],
      worker,
    });
    const work = await yard.startWorker();
    const first = await yard.router.send('first', people('a', 'x'));
    await become(yard, first.id, 'P');
    const stopped = work.stop();
    const second = await yard.router.send('second', people('a', 'y'));
    resolve();
    await stopped;
    expect(await statuses(yard, first.id)).toBe('S');
    expect(await statuses(yard, second.id)).toBe('Q');
  });

  it('end at once when aborted; what was not reported is unknown', async () => {
    const a = new ScriptedBackend();
    a.call = (_, __, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    await using yard = await openTestYard({
      backends: { a: line(a, { onUnknown: 'hold' }) },
      apps: [],
      worker,
    });
    const work = await yard.startWorker();
    const report = await yard.router.send('first', people('a', 'x'));
    await become(yard, report.id, 'P');
    work.abort();
    await work.stop();
    expect(await statuses(yard, report.id)).toBe('E');
  });
});
