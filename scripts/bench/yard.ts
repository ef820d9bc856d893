/** Our side of a benchmark: a yard over the public API, as users open it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backend, type Config, openTextyard, type Textyard } from '../../src/index.ts';
import { BACKEND } from './phones.ts';

export type BackendOfBench = NonNullable<Config['backends']>[string];

/** The operator that does nothing and keeps nothing. */
export const DO_NOTHING: BackendOfBench = { type: 'simulator', ledger: { keep: 0 } };

/** Opens a yard with one backend, settings as users get them. */
export function openBenchYard(
  url: string,
  backend: BackendOfBench = DO_NOTHING,
  config: Partial<Config> = {},
): Promise<Textyard> {
  return openTextyard({
    config: { log: { level: 'error' }, ...config, databaseUrl: url, backends: { [BACKEND]: backend } },
  });
}

/** The simulator of a yard whose worker runs here; its ledger counts without asking the database. */
export function handedOver(yard: Textyard): number {
  const line = yard.lines.get(BACKEND) as
    | (Backend & { ledger?: { totals: { handedOver: number } } })
    | undefined;
  return line?.ledger?.totals.handedOver ?? 0;
}

/**
 * Resolves when all transmissions of a message are sent. Each look costs PostgreSQL something, so it
 * does not look before the operator in this process has been handed all of them.
 *
 * @param handed how many it will have been handed by then, where the worker is in this process
 * @throws Error when some cannot be sent
 */
export async function untilSent(yard: Textyard, messageId: string, handed = 0): Promise<void> {
  while (handedOver(yard) < handed) await sleep(5);
  for (;;) {
    const [row] = await yard.database.query<{ status: string; sent: number; failed: number }>(
      'SELECT status, sent_count AS sent, errored_count AS failed FROM messages WHERE id = $1::uuid',
      [messageId],
    );
    if (row?.status === 'S') return;
    if (row?.status === 'E') throw new Error(`${row.failed} transmissions failed`);
    await sleep(handed > 0 ? 5 : 20);
  }
}

/** Resolves when `count` outbound messages are sent: hardly looks before the operator has them all. */
export async function untilMessagesSent(yard: Textyard, count: number, handed: number): Promise<void> {
  while (handedOver(yard) < handed) await sleep(2);
  for (;;) {
    const [row] = await yard.database.query<{ sent: number }>(
      `SELECT count(*)::int AS sent FROM messages WHERE direction = 'O' AND status = 'S'`,
    );
    if ((row?.sent ?? 0) >= count) return;
    await sleep(5);
  }
}

/** Calls `work` for 0 … `count` - 1, at most `inFlight` at a time. */
export async function inFlight(
  count: number,
  limit: number,
  work: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const run = async () => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: Math.min(limit, count) }, run));
}
