/** What was given up on and waits for a person: transmissions with `dead_at`, and errored inbound messages. */
import { SETTLE_MESSAGES } from './message-counts.ts';
import type { Sql } from './sql.ts';

export interface DeadFilter {
  readonly backend?: string | undefined;
  readonly code?: string | undefined;
  readonly ids?: readonly string[] | undefined;
}

export interface DeadTransmission {
  readonly id: string;
  readonly messageId: string;
  readonly backend: string;
  readonly identity: string;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly attempts: number;
  readonly deadAt: Date;
}

const MATCHES = `t.dead_at IS NOT NULL AND t.status = 'E' AND t.id <> t.message_id
  AND ($1::text IS NULL OR t.backend_id = (SELECT id FROM backends WHERE name = $1::text))
  AND ($2::text IS NULL OR t.error_code = $2::text)
  AND ($3::uuid[] IS NULL OR t.id = ANY($3::uuid[]))`;

function values({ backend, code, ids }: DeadFilter): unknown[] {
  return [backend ?? null, code ?? null, ids ?? null];
}

/** The latest transmissions given up on. */
export async function listDeadTransmissions(
  sql: Sql,
  filter: DeadFilter,
  limit: number,
): Promise<DeadTransmission[]> {
  return sql.query<DeadTransmission>(
    `SELECT t.id, t.message_id AS "messageId", b.name AS backend, c.identity, t.error_code AS "errorCode",
       t.error_message AS "errorMessage", t.attempts, t.dead_at AS "deadAt"
     FROM transmissions t JOIN backends b ON b.id = t.backend_id JOIN connections c ON c.id = t.connection_id
     WHERE ${MATCHES} ORDER BY t.dead_at DESC, t.id LIMIT $4::int`,
    [...values(filter), limit],
  );
}

export interface DeadCount {
  readonly backend: string;
  readonly errorCode: string | null;
  readonly transmissions: number;
  readonly oldest: Date;
  readonly newest: Date;
}

/** How many transmissions were given up on, by backend and error code. */
export async function countDeadTransmissions(sql: Sql, filter: DeadFilter): Promise<DeadCount[]> {
  return sql.query<DeadCount>(
    `SELECT b.name AS backend, t.error_code AS "errorCode", count(*)::int AS transmissions,
       min(t.dead_at) AS oldest, max(t.dead_at) AS newest
     FROM transmissions t JOIN backends b ON b.id = t.backend_id
     WHERE ${MATCHES} GROUP BY b.name, t.error_code ORDER BY count(*) DESC, b.name`,
    values(filter),
  );
}

/** A transmission that is queued again, with what its job needs. */
export interface RevivedTransmission {
  readonly id: string;
  readonly backend: string;
  readonly priority: number;
}

const REVIVE = `
WITH picked AS (
  SELECT t.id, t.message_id, t.backend_id FROM transmissions t
  WHERE ${MATCHES} ORDER BY t.id LIMIT $4::int
  FOR NO KEY UPDATE OF t
), revived AS (
  UPDATE transmissions t SET status = 'Q', attempts = 0, error_code = NULL, error_message = NULL,
    dead_at = NULL, retry_at = NULL, claim_token = NULL, lease_until = NULL, updated = now()
  FROM picked p WHERE t.id = p.id
), changes AS (
  SELECT message_id, 0 AS sent, 0 AS delivered, -count(*)::int AS errored FROM picked GROUP BY message_id
), settled AS (${SETTLE_MESSAGES})
SELECT p.id, b.name AS backend, m.priority
FROM picked p JOIN backends b ON b.id = p.backend_id JOIN messages m ON m.id = p.message_id ORDER BY p.id`;

/**
 * Puts up to `limit` transmissions that were given up on back into the queue, as if never tried,
 * and takes them out of their messages' error counts. Their jobs belong into the same transaction.
 */
export async function reviveTransmissions(
  sql: Sql,
  filter: DeadFilter,
  limit: number,
): Promise<RevivedTransmission[]> {
  return sql.query<RevivedTransmission>(REVIVE, [...values(filter), limit]);
}

export interface ErroredInbound {
  readonly id: string;
  readonly backend: string;
  readonly text: string;
  readonly error: string | null;
  readonly date: Date;
}

/** An inbound message and its transmission bear one id; the index on `dead_at` finds them. */
const ERRORED = `m.direction = 'I' AND m.status = 'E'
  AND EXISTS (SELECT FROM transmissions t WHERE t.id = m.id AND t.dead_at IS NOT NULL)
  AND ($1::text IS NULL OR m.backend_id = (SELECT id FROM backends WHERE name = $1::text))
  AND ($2::uuid[] IS NULL OR m.id = ANY($2::uuid[]))`;

type InboundFilter = Pick<DeadFilter, 'backend' | 'ids'>;

/** The latest inbound messages that an app failed on. */
export async function listErroredInbound(
  sql: Sql,
  filter: InboundFilter,
  limit: number,
): Promise<ErroredInbound[]> {
  return sql.query<ErroredInbound>(
    `SELECT m.id, b.name AS backend, m.text, m.error, m.date FROM messages m JOIN backends b ON b.id = m.backend_id
     WHERE ${ERRORED} ORDER BY m.id DESC LIMIT $3::int`,
    [filter.backend ?? null, filter.ids ?? null, limit],
  );
}

/** How many inbound messages an app failed on. */
export async function countErroredInbound(sql: Sql, filter: InboundFilter): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM messages m WHERE ${ERRORED}`,
    [filter.backend ?? null, filter.ids ?? null],
  );
  return row?.count ?? 0;
}

const REVIVE_INBOUND = `
WITH picked AS (
  SELECT m.id FROM messages m WHERE ${ERRORED} ORDER BY m.id LIMIT $3::int FOR NO KEY UPDATE OF m
), revived AS (
  UPDATE messages m SET status = 'Q', error = NULL, errored_count = 0, updated = now()
  FROM picked p WHERE m.id = p.id
), passed AS (
  UPDATE transmissions t SET status = 'Q', error_message = NULL, dead_at = NULL, updated = now()
  FROM picked p WHERE t.id = p.id
)
SELECT id FROM picked ORDER BY id`;

/** Puts up to `limit` inbound messages that an app failed on back before the apps. */
export async function reviveInbound(sql: Sql, filter: InboundFilter, limit: number): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(REVIVE_INBOUND, [
    filter.backend ?? null,
    filter.ids ?? null,
    limit,
  ]);
  return rows.map((row) => row.id);
}
