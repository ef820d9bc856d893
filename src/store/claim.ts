import type { Database } from './database.ts';
import { SETTLE_MESSAGES } from './message-counts.ts';

/** From one transmission id to another, both included; what jobs carry. */
export type IdRange = readonly [first: string, last: string];

export interface ClaimRequest {
  readonly backendId: number;
  readonly backendName: string;
  readonly ranges: readonly IdRange[];
  /** How many transmissions one of the ranges holds at the most. */
  readonly mostPerRange: number;
  /** How many they hold together at the most. */
  readonly count: number;
  /** A new id per claim; results are only written where it still stands. */
  readonly token: string;
  readonly leaseSeconds: number;
  readonly onUnknown: 'resend' | 'hold';
}

export interface ClaimedTransmission {
  readonly id: string;
  readonly messageId: string;
  readonly identity: string;
  readonly text: string;
  readonly segments: number;
  readonly attempt: number;
  readonly priority: number;
  readonly validUntil: Date | undefined;
  readonly inResponseTo: string | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Claim {
  readonly transmissions: ClaimedTransmission[];
  /** Rows that another worker holds: seconds until the last of their leases ends; 0 when there are none. */
  readonly heldSeconds: number;
}

/**
 * The rows are read without a lock (locking each would write as much as updating it), and updated
 * only if they still are as they were read: PostgreSQL looks again at a row that another
 * transaction has changed meanwhile, and then it is that one's.
 */
const UNCHANGED = 't.id = j.id AND t.status = j.was AND t.lease_until IS NOT DISTINCT FROM j.lease_until';

/**
 * Each LATERAL with its LIMIT is an index lookup per row and can be nothing else: the planner cannot
 * know how many ids lie in a range, and once it guesses thousands it reads whole tables.
 *
 * What becomes of each row in the ranges:
 * take     queued, or errored and due for another try: it becomes P
 * held     another worker's lease still runs (or it died a moment ago)
 * unknown  a dead worker's, and the backend holds unknown outcomes: E
 * expired, suppressed  E without being sent
 * Rows that are S, D, or E for good are not touched: a transmission that succeeded is never sent again.
 */
function claimStatement(source: string, perRange: number, inAll: number): string {
  return `
WITH due AS (
  SELECT t.* FROM ${source} AS r(first, last)
  CROSS JOIN LATERAL (
    SELECT t.id, t.message_id, t.connection_id, t.status AS was, t.attempts, t.segments, t.text, t.lease_until
    FROM transmissions t
    WHERE t.id BETWEEN r.first AND r.last AND t.backend_id = $3::int
      AND (t.status IN ('Q', 'P') OR (t.status = 'E' AND t.retry_at <= now()))
    ORDER BY t.id LIMIT ${perRange}
  ) t
  LIMIT ${inAll}
), judged AS MATERIALIZED (
  SELECT d.*, c.identity, m.text AS message_text, m.priority, m.valid_until, m.fields, m.in_response_to_id,
    CASE
      WHEN d.was = 'P' AND d.lease_until > now() THEN 'held'
      WHEN d.was = 'P' AND $7::boolean THEN 'unknown'
      WHEN m.valid_until <= now() THEN 'expired'
      WHEN NOT COALESCE(m.fields ? 'optOutConfirmation', false) AND EXISTS (SELECT FROM suppressions s
        WHERE s.identity = c.identity AND s.scope IN ('*', $4::text)) THEN 'suppressed'
      ELSE 'take'
    END AS verdict
  FROM due d
  CROSS JOIN LATERAL (SELECT * FROM messages WHERE id = d.message_id LIMIT 1) m
  CROSS JOIN LATERAL (SELECT identity FROM connections WHERE id = d.connection_id LIMIT 1) c
), taken AS (
  UPDATE transmissions t SET status = 'P', attempts = t.attempts + 1, updated = now(),
    claim_token = $5::uuid, lease_until = now() + $6::float8 * interval '1 second'
  FROM judged j WHERE j.verdict = 'take' AND ${UNCHANGED}
  RETURNING j.*
), refused AS (
  UPDATE transmissions t SET status = 'E', updated = now(), retry_at = NULL, claim_token = NULL, lease_until = NULL,
    error_code = CASE j.verdict WHEN 'unknown' THEN 'unknown_outcome' ELSE j.verdict END,
    error_message = CASE j.verdict
      WHEN 'unknown' THEN 'A worker died while it was being handed over; held for a person to decide.'
      WHEN 'expired' THEN 'Its validity period ended before it could be sent.'
      ELSE 'On the suppression list when it was about to be sent.' END,
    dead_at = CASE WHEN j.verdict = 'unknown' THEN now() END
  FROM judged j WHERE j.verdict IN ('unknown', 'expired', 'suppressed') AND ${UNCHANGED}
  RETURNING j.message_id, j.was, j.verdict
), changes AS (
  SELECT message_id, 0 AS sent, 0 AS delivered,
    (count(*) FILTER (WHERE verdict <> 'take') - count(*) FILTER (WHERE was = 'E'))::int AS errored
  FROM (SELECT message_id, was, verdict FROM taken UNION ALL SELECT message_id, was, verdict FROM refused) done
  GROUP BY message_id
), settled AS (${SETTLE_MESSAGES} AND (c.errored <> 0 OR m.status = 'Q'))
SELECT j.id, j.message_id AS "messageId", j.identity, j.text, j.segments, j.attempts + 1 AS attempt, j.priority,
  EXTRACT(EPOCH FROM j.valid_until - now())::float8 AS "validSeconds", j.fields, r.external_id AS "inResponseTo", j.verdict,
  EXTRACT(EPOCH FROM j.lease_until - now())::float8 AS lease,
  CASE WHEN row_number() OVER (PARTITION BY j.message_id ORDER BY j.id) = 1 THEN j.message_text END AS "messageText"
FROM (SELECT * FROM taken UNION ALL SELECT * FROM judged WHERE verdict = 'held') j
LEFT JOIN messages r ON r.id = j.in_response_to_id
ORDER BY j.id`;
}

const ONE_RANGE = '(SELECT ($1::uuid[])[1], ($2::uuid[])[1])';
const SEVERAL_RANGES = 'unnest($1::uuid[], $2::uuid[])';

interface ClaimRow {
  id: string;
  messageId: string;
  identity: string;
  text: string | null;
  segments: number | null;
  attempt: number;
  priority: number;
  validSeconds: number | null;
  fields: Record<string, unknown> | null;
  inResponseTo: string | null;
  verdict: 'take' | 'held';
  lease: number | null;
  messageText: string | null;
}

/**
 * Takes the transmissions in the ranges that may be sent now, in one statement and commit: they are
 * `P` under the claim's token and lease when this returns.
 */
export async function claimTransmissions(database: Database, request: ClaimRequest): Promise<Claim> {
  // A claim lost in a crash of the server makes what was handed over unknown, and `resend` sends it
  // again; `hold` must know of it.
  const sql = request.onUnknown === 'hold' ? database : database.relaxed;
  const perRange = powerOfTwo(request.mostPerRange);
  // One range is the usual case, whose plan the server can keep; for several it has to know how many.
  const isOne = request.ranges.length === 1;
  const rows = await sql.query<ClaimRow>(
    claimStatement(isOne ? ONE_RANGE : SEVERAL_RANGES, perRange, powerOfTwo(request.count)),
    [
      request.ranges.map((range) => range[0]),
      request.ranges.map((range) => range[1]),
      request.backendId,
      request.backendName,
      request.token,
      request.leaseSeconds,
      request.onUnknown === 'hold',
    ],
    isOne ? `claim-${perRange}` : undefined,
  );
  // A message's text travels once, with its first row here.
  const texts = new Map<string, string>();
  const transmissions: ClaimedTransmission[] = [];
  let heldSeconds = 0;
  for (const row of rows) {
    if (row.messageText !== null) texts.set(row.messageId, row.messageText);
    if (row.verdict === 'held') {
      heldSeconds = Math.max(heldSeconds, row.lease ?? 0, 0.1);
      continue;
    }
    transmissions.push({
      id: row.id,
      messageId: row.messageId,
      identity: row.identity,
      text: row.text ?? texts.get(row.messageId) ?? '',
      segments: row.segments ?? 1,
      attempt: row.attempt,
      priority: row.priority,
      // By this machine's clock, which backends will look at; it need not agree with the database's.
      validUntil: row.validSeconds === null ? undefined : new Date(Date.now() + row.validSeconds * 1000),
      inResponseTo: row.inResponseTo ?? undefined,
      fields: row.fields ?? {},
    });
  }
  return { transmissions, heldSeconds };
}

/** The next one up, so that there are few different statements. */
function powerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, n)));
}

/** Prolongs the leases of claims that are still at work. */
export async function renewLeases(
  database: Database,
  claims: readonly { token: string; ids: readonly string[] }[],
  leaseSeconds: number,
): Promise<void> {
  await database.relaxed.query(
    `UPDATE transmissions t SET lease_until = now() + $3::float8 * interval '1 second'
     FROM unnest($1::uuid[], $2::uuid[]) AS c(token, id)
     WHERE t.id = c.id AND t.claim_token = c.token AND t.status = 'P'`,
    [claims.flatMap((c) => c.ids.map(() => c.token)), claims.flatMap((c) => c.ids), leaseSeconds],
  );
}
