/** Compares what the tables say with what the operator was handed. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { countTaken, readLedger } from '../../src/backends/simulator/ledger.ts';
import { query } from './postgres-server.ts';
import type { Stage } from './stage.ts';

/** The operator's side, summed up. */
export interface HandedOver {
  /** Transmissions that the operator took at least once. */
  readonly transmissions: number;
  /** How many of them it took more than once. */
  readonly twice: number;
  /** Most often that it took one. */
  readonly most: number;
  readonly times: ReadonlyMap<string, number>;
}

/** Where the worker processes of a stage keep the ledger of a backend: a file each, as one may die within a line. */
export function ledgerFile(stage: Stage, backend: string): string {
  return join(stage.folder, `ledger-${backend}-%p.jsonl`);
}

/** Reads all ledger files of a backend. */
export function readHandedOver(stage: Stage, backend: string): HandedOver {
  const files = readdirSync(stage.folder).filter((name) => name.startsWith(`ledger-${backend}-`));
  const times = new Map<string, number>();
  for (const name of files) {
    for (const [id, n] of countTaken(readLedger(join(stage.folder, name))))
      times.set(id, (times.get(id) ?? 0) + n);
  }
  let twice = 0;
  let most = 0;
  for (const n of times.values()) {
    if (n > 1) twice += 1;
    most = Math.max(most, n);
  }
  return { transmissions: times.size, twice, most, times };
}

/** How many outbound transmissions of a backend are in which state. */
export interface States {
  readonly sent: number;
  readonly errored: number;
  /** Errored with `unknown_outcome`, and listed as dead letters. */
  readonly unknownListed: number;
  /** Queued, processing, or waiting for another try. */
  readonly open: number;
  readonly total: number;
}

export async function readStates(url: string, backend: string): Promise<States> {
  const [row] = await query<States>(
    url,
    `SELECT (count(*) FILTER (WHERE t.status IN ('S', 'D')))::int AS sent,
       (count(*) FILTER (WHERE t.status = 'E' AND t.retry_at IS NULL))::int AS errored,
       (count(*) FILTER (WHERE t.error_code = 'unknown_outcome' AND t.dead_at IS NOT NULL))::int AS "unknownListed",
       (count(*) FILTER (WHERE t.status IN ('Q', 'P') OR t.retry_at IS NOT NULL))::int AS open,
       count(*)::int AS total
     FROM transmissions t JOIN backends b ON b.id = t.backend_id
     WHERE b.name = $1 AND t.id <> t.message_id`,
    [backend],
  );
  if (!row) throw new Error('counting gave no row');
  return row;
}

/** Messages whose counts or status do not fit their transmissions. */
export async function countMiscounted(url: string): Promise<number> {
  const [row] = await query<{ n: number }>(
    url,
    `SELECT count(*)::int AS n FROM messages m LEFT JOIN LATERAL (
       SELECT count(*) AS all, count(*) FILTER (WHERE status = 'S') AS sent,
         count(*) FILTER (WHERE status = 'E') AS errored, count(*) FILTER (WHERE status = 'D') AS delivered
       FROM transmissions WHERE message_id = m.id) t ON true
     WHERE m.direction = 'O' AND (m.recipients, m.sent_count, m.errored_count, m.delivered_count)
       IS DISTINCT FROM (t.all, t.sent, t.errored, t.delivered)`,
  );
  return row?.n ?? 0;
}

/**
 * Waits until nothing is queued or processing any more.
 *
 * @returns seconds it took, or undefined when something still is after `withinSeconds`
 */
export async function untilSettled(url: string, withinSeconds: number): Promise<number | undefined> {
  const began = performance.now();
  for (;;) {
    const seconds = (performance.now() - began) / 1000;
    const [row] = await query<{ open: boolean }>(
      url,
      `SELECT EXISTS (SELECT FROM transmissions WHERE status IN ('Q', 'P') OR retry_at IS NOT NULL) AS open`,
    );
    if (row?.open === false) return seconds;
    if (seconds > withinSeconds) return undefined;
    await sleep(100);
  }
}

/** Says that nothing is stuck; waits for it. */
export async function promiseSettled(stage: Stage, url: string, withinSeconds: number): Promise<void> {
  const seconds = await untilSettled(url, withinSeconds);
  stage.promise(
    `nothing is stuck: all is settled within ${withinSeconds} s of the end of the fault`,
    seconds !== undefined,
    seconds === undefined
      ? JSON.stringify(await query(url, `SELECT status, count(*)::int FROM transmissions GROUP BY 1`))
      : `settled ${seconds.toFixed(1)} s after it`,
  );
}

/** Says that the messages' counts are those of their transmissions. */
export async function promiseCounted(stage: Stage, url: string): Promise<void> {
  const miscounted = await countMiscounted(url);
  stage.promise('each message counts its transmissions right', miscounted === 0, `${miscounted} miscounted`);
}
