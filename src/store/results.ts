import { SETTLE_MESSAGES } from './message-counts.ts';
import type { Sql } from './sql.ts';

/** What is to be written of one transmission after a call of a backend. */
export interface TransmissionOutcome {
  readonly id: string;
  /** The claim under which it was sent. */
  readonly token: string;
  /** `Q`: not accepted through no fault of its own (the backend paused); the try does not count. */
  readonly status: 'S' | 'E' | 'Q';
  readonly externalId?: string | undefined;
  /** Further ids of a message in parts. */
  readonly partIds?: readonly string[] | undefined;
  /** Whether receipts will come with the provider's id only. */
  readonly correlate?: boolean | undefined;
  readonly backendId: number;
  readonly errorCode?: string | undefined;
  readonly errorMessage?: string | undefined;
  /** Seconds until the next try; undefined when there is none. */
  readonly retrySeconds?: number | undefined;
  /** Given up on, for a person to look at: listed as a dead letter. */
  readonly dead?: boolean | undefined;
}

/**
 * @param lock whether the rows are locked before they are read. Without it (it writes as much as the
 * update does) a row that a receipt changes in the same moment is left out, and written in a second
 * round with it.
 */
function recordStatement(lock: boolean): string {
  return `
WITH input AS (
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::status[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::boolean[])
    AS i(id, token, status, external_id, error_code, error_message, retry_seconds, dead)
), held AS MATERIALIZED (
  SELECT i.*, t.status AS was, t.message_id
  FROM input i JOIN transmissions t ON t.id = i.id
  WHERE t.claim_token = i.token OR (i.status = 'S' AND t.status = 'Q')
  ORDER BY t.id
  ${lock ? 'FOR NO KEY UPDATE OF t' : ''}
), written AS (
  UPDATE transmissions t SET
    status = CASE WHEN h.was IN ('P', 'Q') THEN h.status ELSE h.was END,
    external_id = COALESCE(h.external_id, t.external_id),
    sent = CASE WHEN h.status = 'S' THEN COALESCE(t.sent, now()) ELSE t.sent END,
    error_code = CASE WHEN h.was IN ('P', 'Q') THEN h.error_code ELSE t.error_code END,
    error_message = CASE WHEN h.was IN ('P', 'Q') THEN h.error_message ELSE t.error_message END,
    retry_at = CASE WHEN h.was IN ('P', 'Q') THEN now() + h.retry_seconds * interval '1 second' END,
    dead_at = CASE WHEN h.was IN ('P', 'Q') AND h.dead THEN now() END,
    attempts = CASE WHEN h.status = 'Q' THEN t.attempts - 1 ELSE t.attempts END,
    claim_token = NULL, lease_until = NULL, updated = now()
  FROM held h
  WHERE t.id = h.id AND t.status = h.was AND (t.claim_token = h.token OR t.status = 'Q')
  RETURNING t.id, h.message_id, h.was, h.status
), changes AS (
  SELECT message_id, (count(*) FILTER (WHERE status = 'S'))::int AS sent, 0 AS delivered,
    (count(*) FILTER (WHERE status = 'E'))::int AS errored
  FROM written WHERE was IN ('P', 'Q') GROUP BY message_id
), settled AS (${SETTLE_MESSAGES})
SELECT (SELECT count(*) FROM held)::int AS held, (SELECT count(*) FROM written)::int AS written`;
}

const RECORD = recordStatement(false);
const RECORD_LOCKED = recordStatement(true);

const CORRELATE = `
INSERT INTO correlations (backend_id, external_id, transmission_id, part, parts)
SELECT * FROM unnest($1::int[], $2::text[], $3::uuid[], $4::smallint[], $5::smallint[])
ON CONFLICT (backend_id, external_id) DO UPDATE
  SET transmission_id = EXCLUDED.transmission_id, part = EXCLUDED.part, parts = EXCLUDED.parts, created = now()`;

/**
 * Writes outcomes where their claim still stands, and counts them into their messages. A late answer
 * of a worker whose lease ran out changes nothing, unless it says that something was sent which is
 * about to be sent again (the claim was lost with the server, or the successor put it back). A
 * receipt that was faster keeps what it said. Returns how many were written.
 */
export async function recordOutcomes(sql: Sql, outcomes: readonly TransmissionOutcome[]): Promise<number> {
  const correlations = correlationsOf(outcomes);
  if (correlations) await sql.query(CORRELATE, correlations);
  const values = [
    outcomes.map((o) => o.id),
    outcomes.map((o) => o.token),
    outcomes.map((o) => o.status),
    outcomes.map((o) => o.externalId ?? null),
    outcomes.map((o) => o.errorCode ?? null),
    outcomes.map((o) => o.errorMessage ?? null),
    outcomes.map((o) => o.retrySeconds ?? null),
    outcomes.map((o) => o.dead ?? false),
  ];
  const [first] = await sql.query<{ held: number; written: number }>(RECORD, values, 'record');
  if (!first) return 0;
  if (first.written === first.held) return first.written;
  // What the first round wrote has no claim any more and is passed over now.
  const [second] = await sql.query<{ written: number }>(RECORD_LOCKED, values, 'record-locked');
  return first.written + (second?.written ?? 0);
}

/** The correlation rows of these outcomes as columns; undefined when there are none. */
function correlationsOf(outcomes: readonly TransmissionOutcome[]): unknown[] | undefined {
  // The last one wins where a provider gives the same id twice, as ON CONFLICT cannot take a key twice.
  const rows = new Map<string, [number, string, string, number, number]>();
  for (const outcome of outcomes) {
    if (!outcome.correlate || outcome.externalId === undefined) continue;
    const ids = [outcome.externalId, ...(outcome.partIds ?? [])];
    ids.forEach((id, index) => {
      rows.set(`${outcome.backendId}/${id}`, [outcome.backendId, id, outcome.id, index + 1, ids.length]);
    });
  }
  if (rows.size === 0) return undefined;
  const list = [...rows.values()];
  return [0, 1, 2, 3, 4].map((column) => list.map((row) => row[column]));
}
