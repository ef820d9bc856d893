/** What must hold after any fault of the database, given what callers had been told. */
import { promiseCounted, promiseSettled, readHandedOver } from './audit.ts';
import { query } from './postgres-server.ts';
import type { Stage } from './stage.ts';
import type { Traffic } from './traffic.ts';
import type { WorkerProcess } from './workers.ts';

export interface TrafficPromises {
  readonly url: string;
  readonly backend: string;
  readonly workers: readonly WorkerProcess[];
  readonly traffic: Traffic;
  /** How many may be handed over twice in all, and why so many. */
  readonly mostTwice: number;
  readonly window: string;
  /** No call of `send` or `receive` may take longer, in seconds. */
  readonly slowest: number;
}

/** Waits until all is settled, then says what was promised and found. The traffic has stopped. */
export async function judgeTraffic(stage: Stage, promises: TrafficPromises): Promise<void> {
  const { url, backend, workers, traffic, mostTwice, window, slowest } = promises;
  await promiseSettled(stage, url, 60);
  const alive = workers.filter((worker) => worker.isRunning).length;
  stage.promise('the workers survive', alive === workers.length, `${alive} of ${workers.length} still run`);
  stage.promise(
    `no call of send or receive takes longer than ${slowest} s: it is acknowledged or rejected`,
    traffic.slowestSeconds <= slowest,
    `${traffic.summary()}; the slowest took ${traffic.slowestSeconds.toFixed(1)} s`,
  );
  const unclear = traffic.sends.unclear + traffic.receives.unclear;
  stage.promise(
    'each rejection says in one line what is wrong',
    unclear === 0,
    `${unclear} do not; ${traffic.reasons()}`,
  );

  const outbound = await query<{ id: string; whole: boolean }>(
    url,
    `SELECT id, status = 'S' AND sent_count = recipients AS whole FROM messages
     WHERE direction = 'O' AND in_response_to_id IS NULL`,
  );
  const sent = new Set(outbound.filter((row) => row.whole).map((row) => row.id));
  const lostSends = traffic.sends.acknowledged.filter((id) => !sent.has(id)).length;
  stage.promise(
    'each acknowledged send is sent',
    lostSends === 0,
    `${traffic.sends.acknowledged.length} acknowledged, ${lostSends} lost`,
  );

  const inbound = await query<{ id: string; status: string; replies: number }>(
    url,
    `SELECT m.id, m.status::text, (SELECT count(*) FROM messages r WHERE r.in_response_to_id = m.id)::int AS replies
     FROM messages m WHERE m.direction = 'I'`,
  );
  const handled = new Set(inbound.filter((row) => row.status === 'R').map((row) => row.id));
  const lostReceives = traffic.receives.acknowledged.filter((id) => !handled.has(id)).length;
  const unanswered = inbound.filter((row) => row.replies !== 1).length;
  stage.promise(
    'each acknowledged inbound text is handled, and has exactly one reply',
    lostReceives === 0 && unanswered === 0,
    `${traffic.receives.acknowledged.length} acknowledged, ${lostReceives} lost, ${unanswered} with more or less than one reply`,
  );

  const handed = readHandedOver(stage, backend);
  const [row] = await query<{ n: number }>(
    url,
    `SELECT count(*)::int AS n FROM transmissions WHERE id <> message_id`,
  );
  stage.promise(
    'each transmission is handed over',
    handed.transmissions === row?.n,
    `${handed.transmissions} of ${row?.n}`,
  );
  stage.promise(
    `at most ${mostTwice} handed over twice (${window})`,
    handed.twice <= mostTwice,
    `${handed.twice} twice`,
  );
  await promiseCounted(stage, url);
}
