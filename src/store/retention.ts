import type { Database } from './database.ts';

/** Rows deleted by one statement: few enough that it holds no lock for long. */
const ROWS = 5_000;

/** What an hour's clean-up deleted. */
export interface Deleted {
  transmissions: number;
  messages: number;
  receipts: number;
  correlations: number;
}

/** The smallest UUIDv7 of a moment so many days ago, by the database's clock. */
const BOUND = `(SELECT (lpad(to_hex((EXTRACT(EPOCH FROM now() - $1::int * interval '1 day') * 1000)::bigint), 12, '0')
  || repeat('0', 20))::uuid AS id)`;

/** A message whose work is not done, or that still waits for its time, stays whatever its age. */
const SETTLED = `NOT EXISTS (SELECT FROM transmissions o WHERE o.message_id = m.id
  AND (o.status IN ('Q', 'P') OR o.retry_at IS NOT NULL))`;

/**
 * Deletes what is older than `days`: messages that are settled with their transmissions, receipts,
 * and correlations, in small statements. Several workers may do it at once. Campaign statuses,
 * contacts, connections and suppressions stay.
 *
 * @param signal stops between two statements
 */
export async function deleteOld(database: Database, days: number, signal: AbortSignal): Promise<Deleted> {
  const repeat = async (statement: string): Promise<number> => {
    let total = 0;
    for (let deleted = ROWS; deleted === ROWS && !signal.aborted; ) {
      const [row] = await database.query<{ n: number }>(
        `WITH gone AS (${statement} RETURNING 1) SELECT count(*)::int AS n FROM gone`,
        [days],
      );
      deleted = row?.n ?? 0;
      total += deleted;
    }
    return total;
  };
  const age = `now() - $1::int * interval '1 day'`;
  return {
    // First the transmissions, so that a large message does not go in one cascade.
    transmissions: await repeat(`DELETE FROM transmissions WHERE id IN (
      SELECT t.id FROM transmissions t JOIN messages m ON m.id = t.message_id, ${BOUND} bound
      WHERE t.id < bound.id AND m.id < bound.id AND t.status NOT IN ('Q', 'P') AND t.retry_at IS NULL
        AND m.status NOT IN ('Q', 'P') AND ${SETTLED}
      ORDER BY t.id LIMIT ${ROWS} FOR UPDATE OF t SKIP LOCKED)`),
    messages: await repeat(`DELETE FROM messages WHERE id IN (
      SELECT m.id FROM messages m, ${BOUND} bound
      WHERE m.id < bound.id AND NOT EXISTS (SELECT FROM transmissions o WHERE o.message_id = m.id)
      ORDER BY m.id LIMIT ${ROWS} FOR UPDATE OF m SKIP LOCKED)`),
    receipts: await repeat(`DELETE FROM receipts WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM receipts WHERE received < ${age} LIMIT ${ROWS} FOR UPDATE SKIP LOCKED))`),
    correlations: await repeat(`DELETE FROM correlations WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM correlations WHERE created < ${age} LIMIT ${ROWS} FOR UPDATE SKIP LOCKED))`),
  };
}
