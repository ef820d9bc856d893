import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { finishInbound } from '../../src/store/inbound.ts';
import { eventually, openTestYard, type TestYard } from '../support/yard.ts';
import { textyard, workFolder } from './command-line.ts';

const CONFIG = {
  backends: { a: { type: 'simulator', identities: 'any' }, b: { type: 'simulator', identities: 'any' } },
  apps: [],
  worker: { pollSeconds: 0.5 },
};

let yard: TestYard;
let folder: ReturnType<typeof workFolder>;

beforeAll(async () => {
  folder = workFolder(CONFIG);
  yard = await openTestYard(CONFIG as Parameters<typeof openTestYard>[0]);
});
afterAll(async () => {
  await yard.close();
  folder[Symbol.dispose]();
});
beforeEach(async () => {
  await yard.sql('TRUNCATE messages, transmissions CASCADE; DELETE FROM pgboss.job');
});

const run = (...args: string[]) => textyard(args, { url: yard.url, folder: folder.path });
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout);

const phones = (backend: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ backend, identity: `${backend}${index}` }));

describe('looking', () => {
  it('shows what came in, went out and waits', async () => {
    const sent = await yard.router.send('hello', [...phones('a', 3), ...phones('b', 1)]);
    await yard.router.send('later', phones('a', 2), { sendAt: new Date('2099-01-01') });
    const received = await json(
      'receive',
      '--backend',
      'b',
      '--from',
      '+12025550123',
      '--text',
      'hi',
      '--external-id',
      'x1',
    );
    const repeated = await json(
      'receive',
      '--backend',
      'b',
      '--from',
      '+12025550123',
      '--text',
      'hi',
      '--external-id',
      'x1',
    );
    expect(repeated).toMatchObject({ id: received.id, duplicate: true });
    const status = await json('status');
    expect(status.messages).toEqual([
      { direction: 'O', status: 'Q', messages: 2, recipients: 6 },
      { direction: 'I', status: 'Q', messages: 1, recipients: 1 },
    ]);
    expect(status).toMatchObject({ workers: 0, inboundWaiting: 1, parkedReceipts: 0, deadTransmissions: 0 });
    expect(status.backends).toMatchObject([
      { name: 'a', state: 'running', waiting: 3, later: 2, workers: 0 },
      { name: 'b', waiting: 1, later: 0 },
    ]);
    const one = await json('status', sent.id);
    expect(one).toMatchObject({ id: sent.id, status: 'Q', recipients: 4, text: 'hello' });
    expect(one.transmissions).toMatchObject([
      { backend: 'a', status: 'Q', transmissions: 3 },
      { backend: 'b', status: 'Q', transmissions: 1 },
    ]);
    const words = await run('status');
    expect(words.stdout).toMatch(/out +Q queued +2 +6/);
    expect(words.stderr).toBe('');
  });

  it('lists messages newest first, filtered and page by page', async () => {
    for (const text of ['one', 'two', 'three']) await yard.router.send(text, phones('a', 1));
    await yard.router.send('four', phones('b', 1));
    await yard.router.receive('five', { backend: 'a', identity: 'a0' });
    const texts = async (...args: string[]) =>
      (await json('messages', ...args)).messages.map((message: { text: string }) => message.text);
    expect(await texts()).toEqual(['five', 'four', 'three', 'two', 'one']);
    expect(await texts('--direction', 'out', '--backend', 'a')).toEqual(['three', 'two', 'one']);
    expect(await texts('--to', 'a0', '--status', 'queued')).toEqual(['five', 'three', 'two', 'one']);
    const first = await json('messages', '--limit', '2');
    expect(await texts('--limit', '2', '--after', first.next)).toEqual(['three', 'two']);
    expect((await json('messages', '--limit', '6')).next).toBeNull();
    expect(await texts('--since', '2099-01-01')).toEqual([]);
  });
});

describe('backends', () => {
  it('pauses and resumes for every worker', async () => {
    const paused = await json('backends', 'pause', 'a', '--for', '600', '--reason', 'line is moved');
    expect(paused).toMatchObject({ name: 'a', state: 'paused', pausedReason: 'line is moved' });
    expect(new Date(paused.pausedUntil).getTime()).toBeGreaterThan(Date.now() + 500_000);
    const worker = await openTestYard(CONFIG as Parameters<typeof openTestYard>[0], { url: yard.url });
    try {
      await worker.startWorker();
      const waiting = await yard.router.send('x', phones('a', 1));
      const other = await yard.router.send('x', phones('b', 1));
      const statusOf = async (id: string) =>
        (await yard.sql<{ status: string }>('SELECT status FROM messages WHERE id = $1::uuid', [id]))[0]
          ?.status;
      await eventually(async () => (await statusOf(other.id)) === 'S');
      expect(await json('backends')).toMatchObject([
        { name: 'a', type: 'simulator', state: 'paused', waiting: 1, workers: 1 },
        { name: 'b', state: 'running', waiting: 0, workers: 1 },
      ]);
      expect(await statusOf(waiting.id)).toBe('Q');
      expect(await json('backends', 'resume', 'a')).toMatchObject({ state: 'running', pausedReason: null });
      await eventually(async () => (await statusOf(waiting.id)) === 'S');
    } finally {
      await worker.close();
    }
  });
});

describe('dead letters', () => {
  /** As if a worker had given up on all of them. */
  async function giveUp(code: string, backend: string): Promise<void> {
    await yard.sql(
      `WITH dead AS (UPDATE transmissions SET status = 'E', error_code = $1::text, attempts = 5, dead_at = now()
         WHERE backend_id = (SELECT id FROM backends WHERE name = $2::text) RETURNING message_id)
       UPDATE messages m SET status = 'E', errored_count = errored_count + d.n
       FROM (SELECT message_id, count(*)::int AS n FROM dead GROUP BY 1) d WHERE d.message_id = m.id`,
      [code, backend],
    );
    await yard.sql('DELETE FROM pgboss.job');
  }

  it('lists them and sends them again, in pages, with their jobs and counts', async () => {
    const report = await yard.router.send('x', [...phones('a', 6_000), ...phones('b', 2)]);
    await giveUp('unknown_outcome', 'a');
    await giveUp('provider_error', 'b');
    const listed = await json('dead-letters', 'list', '--limit', '3');
    expect(listed.counts).toMatchObject([
      { backend: 'a', errorCode: 'unknown_outcome', transmissions: 6_000 },
      { backend: 'b', errorCode: 'provider_error', transmissions: 2 },
    ]);
    expect(listed.transmissions).toHaveLength(3);
    expect((await json('status')).deadTransmissions).toBe(6_002);

    expect(await json('dead-letters', 'redrive', '--code', 'provider_error')).toEqual({
      transmissions: 2,
      inbound: 0,
      jobs: 0,
    });
    expect(await yard.sql('SELECT status::text, errored_count FROM messages')).toEqual([
      { status: 'E', errored_count: 6_000 },
    ]);
    expect(await json('dead-letters', 'redrive', '--backend', 'a')).toEqual({
      transmissions: 6_000,
      inbound: 0,
      jobs: 0,
    });
    expect(await yard.sql('SELECT status::text, errored_count FROM messages')).toEqual([
      { status: 'P', errored_count: 0 },
    ]);
    expect(
      await yard.sql('SELECT DISTINCT status::text, attempts, error_code, dead_at FROM transmissions'),
    ).toEqual([{ status: 'Q', attempts: 0, error_code: null, dead_at: null }]);
    expect(
      await yard.sql(
        "SELECT name, sum((data->>'count')::int)::int AS n FROM pgboss.job GROUP BY 1 ORDER BY 1",
      ),
    ).toEqual([
      { name: 'outbound.a', n: 6_000 },
      { name: 'outbound.b', n: 2 },
    ]);
    const worker = await openTestYard(CONFIG as Parameters<typeof openTestYard>[0], { url: yard.url });
    await worker.startWorker();
    await eventually(async () => (await json('status', report.id)).status === 'S', {
      what: 'all of them sent',
    });
    await worker.close();
  });

  it('puts errored inbound texts and dead jobs back', async () => {
    const { id } = await yard.router.receive('hi', { backend: 'a', identity: '1' });
    await finishInbound(yard.database, [{ id, status: 'E', error: 'app.handle: oops' }]);
    await yard.sql('DELETE FROM pgboss.job');
    await yard.router.send('x', phones('b', 1));
    await yard.sql(`UPDATE pgboss.job SET retry_limit = 0 WHERE name = 'outbound.b'`);
    const jobs = await yard.jobs.fetch('outbound.b', 1);
    await yard.jobs.fail('outbound.b', jobs, new Error('gave up'));

    const listed = await json('dead-letters');
    expect(listed).toMatchObject({
      inboundCount: 1,
      inbound: [{ id, error: 'app.handle: oops' }],
      jobCount: 1,
    });
    expect(listed.jobs[0]).toMatchObject({ queue: 'outbound.b', error: 'gave up' });
    expect(await json('dead-letters', 'redrive', '--all')).toEqual({ transmissions: 0, inbound: 1, jobs: 1 });
    expect(
      await yard.sql(`SELECT status::text, error, errored_count FROM messages WHERE direction = 'I'`),
    ).toEqual([{ status: 'Q', error: null, errored_count: 0 }]);
    expect(await yard.sql(`SELECT name FROM pgboss.job WHERE state < 'active' ORDER BY 1`)).toEqual([
      { name: 'inbound' },
      { name: 'outbound.b' },
    ]);
    expect(await run('dead-letters')).toMatchObject({ code: 0, stdout: 'No dead letters.\n' });
  });
});

describe('doctor', () => {
  const told = (report: { findings: { check: string; state: string; told: string }[] }, check: string) =>
    report.findings.filter((finding) => finding.check === check).map(({ state, told }) => `${state} ${told}`);

  it('finds a healthy yard healthy', async () => {
    const { code, stdout } = await run('doctor');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok +schema +current$/m);
    expect(stdout).toMatch(/^warn +workers +none is alive: start one/m);
    expect(stdout).not.toMatch(/^fail/m);
  });

  it('fails when texts wait and nothing is sent, and warns of what was left behind', async () => {
    await yard.router.send('x', phones('a', 2));
    await yard.sql(
      `UPDATE pgboss.job SET start_after = now() - interval '1 hour', created_on = now() - interval '1 hour'`,
    );
    await yard.router.send('y', phones('b', 1));
    await yard.sql(
      `UPDATE transmissions SET status = 'P', lease_until = now() - interval '1 hour'
       WHERE backend_id = (SELECT id FROM backends WHERE name = 'b')`,
    );
    const outcome = await run('doctor', '--json');
    expect(outcome.code).toBe(1);
    const report = JSON.parse(outcome.stdout);
    expect(report.ok).toBe(false);
    expect(told(report, 'backend')[0]).toMatch(
      /^fail a: 2 texts wait, the oldest for 60 min, and nothing is sent: no worker/,
    );
    expect(told(report, 'backend')[1]).toMatch(/^ok b is running/);
    expect(told(report, 'leases')).toEqual([expect.stringMatching(/^warn 1 transmission of dead workers/)]);
  });

  it('stops at what makes the rest pointless, and says what to do', async () => {
    const away = await textyard(['doctor', '--json'], {
      url: 'postgresql://127.0.0.1:1/x',
      folder: folder.path,
    });
    expect(away.code).toBe(1);
    expect(told(JSON.parse(away.stdout), 'database')).toEqual([
      expect.stringMatching(/^fail Nothing answers at 127\.0\.0\.1:1/),
    ]);
    using wrong = workFolder({ backends: { a: { type: 'smoke-signals' } } });
    const config = await textyard(['doctor', '--json'], { url: yard.url, folder: wrong.path });
    expect(told(JSON.parse(config.stdout), 'config')).toEqual([
      expect.stringMatching(/^fail .*backends\.a\.type: must be/),
    ]);
  });
});
