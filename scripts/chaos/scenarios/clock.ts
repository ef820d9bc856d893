import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Textyard } from '../../../src/index.ts';
import { promiseCounted, promiseSettled, readHandedOver, readStates } from '../audit.ts';
import { type Backends, people, simulatedLine } from '../lines.ts';
import { query } from '../postgres-server.ts';
import type { Scenario } from '../scenario.ts';
import { openSender } from '../sender.ts';
import { startSender } from '../senders.ts';
import type { Stage } from '../stage.ts';
import { startWorker } from '../workers.ts';

const HOUR_MS = 3_600_000;
/** Shorter than a call, so that living workers must renew their leases. */
const LEASE_SECONDS = 2;
const SLOW = { batchSize: 20, concurrency: 1, leaseSeconds: LEASE_SECONDS };
/** After its moment a job waits for the next look at its queue, half a second here; the rest is for the machine. */
const LATEST_SECONDS = 5;

/** One worker's clock jumps ahead, the other's back, while both work; senders are wrong as well. */
export const clock: Scenario = {
  name: 'clock',
  title: 'clocks of workers and senders an hour ahead and an hour behind that of the database',
  async run(stage) {
    const count = stage.size(2_000, 200);
    const flaky = { failures: { provider_error: 0.3 }, latencyMs: { mean: 20 } } as const;
    const retry = { attempts: 20, baseSeconds: 1, maxSeconds: 1 };
    const backends = {
      // Small batches, so that both workers get some.
      ...simulatedLine(stage, 'timed', { batchSize: 10 }),
      ...simulatedLine(stage, 'flaky', { retry, batchSize: 50 }, flaky),
      ...simulatedLine(stage, 'slow', SLOW, { latencyMs: { mean: 3_000 } }),
    };
    const url = await stage.database();
    const sender = await openSender(stage, url, backends);
    const workers = await Promise.all([
      startWorker(stage, { url, backends }),
      startWorker(stage, { url, backends }),
    ]);
    for (const [index, hours] of [1, -1].entries()) workers[index]?.setClock(hours * HOUR_MS);

    const later = { sendAt: new Date(Date.now() + 4_000) };
    await sender.router.send('later', people('timed', count, 'later'), later);
    await sender.router.send('valid', people('timed', count, 'valid'), { validForSeconds: 600 });
    await sender.router.send('flaky', people('flaky', count));
    await sendWithWrongClock(stage, url, backends);
    await expireQueued(stage, sender);
    await sender.router.send('slow', people('slow', 2 * SLOW.batchSize));
    await sleep(1_500);
    stage.injected('one worker and one sender an hour ahead, another of each an hour behind');

    await workers[0]?.kill();
    stage.injected('kill -9 of the worker that was ahead, in the middle of a call');
    await promiseSettled(stage, url, 60);
    await judge(stage, url, count);
    await promiseCounted(stage, url);
  },
};

/** Texts that stay valid for ten minutes, from processes whose clocks are an hour off. */
async function sendWithWrongClock(stage: Stage, url: string, backends: Backends): Promise<void> {
  const acknowledged = join(stage.folder, 'acknowledged');
  appendFileSync(acknowledged, '');
  await Promise.all(
    [1, -1].map(async (hours) => {
      const process = await startSender(stage, {
        url,
        backends,
        mode: 'bulk',
        name: `off-${hours}`,
        recipients: 100,
        acknowledged,
        clockShiftMs: hours * HOUR_MS,
        options: { validForSeconds: 600 },
      });
      await process.ended;
    }),
  );
}

/** Texts whose second of validity passes while their line is paused. */
async function expireQueued(stage: Stage, sender: Textyard): Promise<void> {
  await sender.database.query(`UPDATE backends SET state = 'paused' WHERE name = 'timed'`);
  await sleep(1_300);
  await sender.router.send('short', people('timed', 50, 'short'), { validForSeconds: 1 });
  await sleep(1_500);
  await sender.database.query(`UPDATE backends SET state = 'running' WHERE name = 'timed'`);
  stage.progress('let 50 texts expire');
}

async function judge(stage: Stage, url: string, count: number): Promise<void> {
  const [timing] = await query<{ early: number; late: number; latest: number }>(
    url,
    `SELECT (count(*) FILTER (WHERE t.sent < m.send_at))::int AS early,
       (count(*) FILTER (WHERE t.sent > m.send_at + $1 * interval '1 second'))::int AS late,
       COALESCE(EXTRACT(EPOCH FROM max(t.sent - m.send_at)), -1)::float8 AS latest
     FROM transmissions t JOIN messages m ON m.id = t.message_id WHERE m.send_at IS NOT NULL`,
    [LATEST_SECONDS],
  );
  stage.promise(
    `sendAt: none early, none more than ${LATEST_SECONDS} s late`,
    timing?.early === 0 && timing.late === 0 && timing.latest >= 0,
    `${timing?.early} early, ${timing?.late} late, the last ${timing?.latest.toFixed(1)} s after its time`,
  );
  const ends = await query<{ text: string; sent: number; expired: number; total: number }>(
    url,
    `SELECT m.text, (count(*) FILTER (WHERE t.status = 'S'))::int AS sent,
       (count(*) FILTER (WHERE t.error_code = 'expired'))::int AS expired, count(*)::int AS total
     FROM transmissions t JOIN messages m ON m.id = t.message_id GROUP BY 1`,
  );
  const end = (text: string) => ends.find((row) => row.text === text) ?? { sent: 0, expired: 0, total: 0 };
  const told = (text: string) => `${end(text).sent} of ${end(text).total} sent, ${end(text).expired} expired`;
  stage.promise(
    'validForSeconds 600: sent by workers whose clocks are wrong',
    end('valid').sent === count,
    told('valid'),
  );
  for (const hours of [1, -1]) {
    const text = `bulk off-${hours}`;
    stage.promise(
      `validForSeconds 600 from a sender ${hours > 0 ? 'ahead' : 'behind'}: sent`,
      end(text).sent === 100,
      told(text),
    );
  }
  stage.promise('validForSeconds 1: not sent after it', end('short').expired === 50, told('short'));
  const flaky = await readStates(url, 'flaky');
  const [waits] = await query<{ tries: number }>(
    url,
    `SELECT max(t.attempts)::int AS tries FROM transmissions t JOIN backends b ON b.id = t.backend_id WHERE b.name = 'flaky'`,
  );
  stage.promise(
    'retries: all are sent in the end, none twice',
    flaky.sent === count && readHandedOver(stage, 'flaky').twice === 0,
    `${flaky.sent} of ${count} sent, at most ${waits?.tries} tries`,
  );
  const slow = readHandedOver(stage, 'slow');
  stage.promise(
    'leases: a call of the killed worker is taken over, that of the living one is not though it outlasts its lease',
    slow.transmissions === 2 * SLOW.batchSize && slow.twice <= SLOW.batchSize,
    `${slow.transmissions} of ${2 * SLOW.batchSize} handed over, ${slow.twice} twice`,
  );
}
