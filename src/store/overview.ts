/**
 * Read-only questions of the people who look after the yard. None of them walks a table that only
 * grows: recent messages are found by their ids, which sort by time, and what is waiting by its jobs.
 */
import type { Status } from '../sms/status.ts';
import type { Sql } from './sql.ts';

export interface MessageCount {
  readonly direction: 'I' | 'O';
  readonly status: Status;
  readonly messages: number;
  /** Phones they went to, or came from. */
  readonly recipients: number;
}

/** The smallest id that a message stored at this time can have. */
export function firstIdAt(date: Date): string {
  const hex = Math.max(0, date.getTime()).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** How many messages stored since then stand where. */
export async function countMessages(sql: Sql, since: Date): Promise<MessageCount[]> {
  return sql.query<MessageCount>(
    `SELECT direction::text AS direction, status::text AS status, count(*)::int AS messages, sum(recipients)::int AS recipients
     FROM messages WHERE id >= $1::uuid GROUP BY messages.direction, messages.status
     ORDER BY messages.direction DESC, messages.status`,
    [firstIdAt(since)],
  );
}

export interface BackendOverview {
  readonly name: string;
  readonly state: 'running' | 'paused';
  readonly pausedUntil: Date | null;
  readonly pausedReason: string | null;
  /** Workers seen lately that send for it. */
  readonly workers: number;
  /** Transmissions that could be sent now. */
  readonly waiting: number;
  /** Transmissions that wait for their time: scheduled, or to be tried again. */
  readonly later: number;
  /** Transmissions that a worker has taken. */
  readonly underWay: number;
  /** Since when the oldest that could be sent now could be sent. */
  readonly oldest: Date | null;
}

/**
 * All backends with what is queued for them. The numbers are those of the jobs: a batch counts
 * whole until all of it is done.
 */
export async function backendOverview(sql: Sql, workerSeenSeconds: number): Promise<BackendOverview[]> {
  return sql.query<BackendOverview>(
    `WITH backlog AS (
       SELECT name,
         COALESCE(sum((data->>'count')::int) FILTER (WHERE state < 'active' AND start_after <= now()), 0)::int AS waiting,
         COALESCE(sum((data->>'count')::int) FILTER (WHERE state < 'active' AND start_after > now()), 0)::int AS later,
         COALESCE(sum((data->>'count')::int) FILTER (WHERE state = 'active'), 0)::int AS under_way,
         min(GREATEST(start_after, created_on)) FILTER (WHERE state < 'active' AND start_after <= now()) AS oldest
       FROM pgboss.job WHERE state < 'completed' GROUP BY name
     ), alive AS (
       SELECT b AS name, count(*)::int AS workers FROM workers, unnest(backends) AS b
       WHERE seen > now() - $1::float8 * interval '1 second' GROUP BY b
     )
     SELECT b.name, CASE WHEN b.paused_until <= now() THEN 'running' ELSE b.state::text END AS state,
       CASE WHEN b.paused_until > now() THEN b.paused_until END AS "pausedUntil",
       CASE WHEN b.paused_until <= now() THEN NULL ELSE b.paused_reason END AS "pausedReason",
       COALESCE(a.workers, 0) AS workers, COALESCE(q.waiting, 0) AS waiting, COALESCE(q.later, 0) AS later,
       COALESCE(q.under_way, 0) AS "underWay", q.oldest
     FROM backends b LEFT JOIN backlog q ON q.name = 'outbound.' || b.name LEFT JOIN alive a ON a.name = b.name
     ORDER BY b.name`,
    [workerSeenSeconds],
  );
}

export interface YardOverview {
  /** Workers seen lately. */
  readonly workers: number;
  /** Inbound texts that the apps have not seen. */
  readonly inboundWaiting: number;
  readonly inboundOldest: Date | null;
  /** Receipts whose provider id is not known here. */
  readonly parkedReceipts: number;
  /** Transmissions given up on. */
  readonly deadTransmissions: number;
  /** Jobs given up on. */
  readonly deadJobs: number;
}

/** What concerns no single backend. @param deadLetterQueue where jobs go that were given up on */
export async function yardOverview(
  sql: Sql,
  options: { workerSeenSeconds: number; inboundQueue: string; deadLetterQueue: string },
): Promise<YardOverview> {
  const [row] = await sql.query<YardOverview>(
    `SELECT
       (SELECT count(*)::int FROM workers WHERE seen > now() - $1::float8 * interval '1 second') AS workers,
       COALESCE(q.waiting, 0) AS "inboundWaiting", q.oldest AS "inboundOldest",
       (SELECT count(*)::int FROM receipts WHERE transmission_id IS NULL) AS "parkedReceipts",
       (SELECT count(*)::int FROM transmissions WHERE dead_at IS NOT NULL) AS "deadTransmissions",
       (SELECT count(*)::int FROM pgboss.job WHERE name = $3::text AND state < 'active') AS "deadJobs"
     FROM (SELECT sum(jsonb_array_length(data->'ids'))::int AS waiting, min(created_on) AS oldest
       FROM pgboss.job WHERE name = $2::text AND state < 'active') q`,
    [options.workerSeenSeconds, options.inboundQueue, options.deadLetterQueue],
  );
  if (!row) throw new Error('the overview has no row');
  return row;
}

export interface MessageRow {
  readonly id: string;
  readonly date: Date;
  readonly direction: 'I' | 'O';
  readonly status: Status;
  readonly text: string;
  readonly recipients: number;
  readonly sent: number;
  readonly delivered: number;
  readonly errored: number;
  readonly error: string | null;
  readonly sendAt: Date | null;
  readonly inResponseToId: string | null;
  /** Backend and phone of its first transmission. */
  readonly backend: string | null;
  readonly identity: string | null;
}

export interface MessageFilter {
  readonly backend?: string | undefined;
  readonly direction?: 'I' | 'O' | undefined;
  readonly status?: Status | undefined;
  /** To, or from, this phone. */
  readonly identity?: string | undefined;
  readonly since?: Date | undefined;
  /** Only messages older than this one. */
  readonly after?: string | undefined;
  readonly id?: string | undefined;
  readonly limit: number;
}

/** Messages, newest first. */
export async function listMessages(sql: Sql, filter: MessageFilter): Promise<MessageRow[]> {
  const values: unknown[] = [];
  const bind = (value: unknown, type: string) => `$${values.push(value)}::${type}`;
  const where = ['true'];
  if (filter.id !== undefined) where.push(`m.id = ${bind(filter.id, 'uuid')}`);
  if (filter.after !== undefined) where.push(`m.id < ${bind(filter.after, 'uuid')}`);
  if (filter.since !== undefined) where.push(`m.id >= ${bind(firstIdAt(filter.since), 'uuid')}`);
  if (filter.direction !== undefined) where.push(`m.direction = ${bind(filter.direction, 'direction')}`);
  if (filter.status !== undefined) where.push(`m.status = ${bind(filter.status, 'status')}`);
  if (filter.backend !== undefined) {
    where.push(`EXISTS (SELECT FROM transmissions x JOIN backends y ON y.id = x.backend_id
      WHERE x.message_id = m.id AND y.name = ${bind(filter.backend, 'text')})`);
  }
  if (filter.identity !== undefined) {
    where.push(`m.id IN (SELECT x.message_id FROM transmissions x JOIN connections c ON c.id = x.connection_id
      WHERE c.identity = ${bind(filter.identity, 'text')})`);
  }
  return sql.query<MessageRow>(
    `SELECT m.id, m.date, m.direction::text AS direction, m.status::text AS status, m.text, m.recipients,
       m.sent_count AS sent, m.delivered_count AS delivered, m.errored_count AS errored, m.error,
       m.send_at AS "sendAt", m.in_response_to_id AS "inResponseToId", f.backend, f.identity
     FROM (SELECT * FROM messages m WHERE ${where.join(' AND ')} ORDER BY m.id DESC LIMIT ${bind(filter.limit, 'int')}) m
     LEFT JOIN LATERAL (
       SELECT b.name AS backend, c.identity FROM transmissions t
       JOIN backends b ON b.id = t.backend_id JOIN connections c ON c.id = t.connection_id
       WHERE t.message_id = m.id LIMIT 1
     ) f ON true
     ORDER BY m.id DESC`,
    values,
  );
}

export interface TransmissionCount {
  readonly backend: string;
  readonly status: Status;
  readonly errorCode: string | null;
  readonly transmissions: number;
  /** In E, and to be tried again. */
  readonly toBeRetried: number;
  readonly sample: string | null;
}

/** Where the transmissions of one message stand, by backend and error code. */
export async function countTransmissions(sql: Sql, messageId: string): Promise<TransmissionCount[]> {
  return sql.query<TransmissionCount>(
    `SELECT b.name AS backend, t.status::text AS status, t.error_code AS "errorCode", count(*)::int AS transmissions,
       (count(*) FILTER (WHERE t.retry_at IS NOT NULL))::int AS "toBeRetried", max(t.error_message) AS sample
     FROM transmissions t JOIN backends b ON b.id = t.backend_id
     WHERE t.message_id = $1::uuid GROUP BY b.name, t.status, t.error_code ORDER BY b.name, t.status, count(*) DESC`,
    [messageId],
  );
}
