/** Rows of the reporting views, as the demo shows them; and how far everything since a moment is. */
import type { Status } from '../sms/status.ts';
import { firstIdAt } from './overview.ts';
import type { Sql } from './sql.ts';

export interface DeliveryReport {
  readonly direction: 'I' | 'O';
  readonly text: string;
  readonly messages: number;
  readonly recipients: number;
  readonly queued: number;
  readonly processing: number;
  readonly sent: number;
  readonly delivered: number;
  readonly errored: number;
}

/** `report_message_delivery` of the messages since then, those with the same text together. */
export async function deliveryReport(sql: Sql, since: Date): Promise<DeliveryReport[]> {
  return sql.query<DeliveryReport>(
    `SELECT direction::text AS direction, text, count(*)::int AS messages, sum(recipients)::int AS recipients,
       sum(queued)::int AS queued, sum(processing)::int AS processing, sum(sent)::int AS sent,
       sum(delivered)::int AS delivered, sum(errored)::int AS errored
     FROM report_message_delivery WHERE message_id >= $1::uuid
     GROUP BY report_message_delivery.direction, text ORDER BY sum(recipients) DESC, text`,
    [firstIdAt(since)],
  );
}

export interface BackendReport {
  readonly backend: string;
  readonly inbound: number;
  readonly outbound: number;
  /** Accepted by the provider, those delivered since included. */
  readonly sent: number;
  readonly delivered: number;
  readonly errored: number;
}

/** `report_backend_hourly` from the hour of that moment on, all hours together. */
export async function backendReport(sql: Sql, since: Date): Promise<BackendReport[]> {
  return sql.query<BackendReport>(
    `SELECT backend, sum(inbound)::int AS inbound, sum(outbound)::int AS outbound, sum(sent)::int AS sent,
       sum(delivered)::int AS delivered, sum(errored)::int AS errored
     FROM report_backend_hourly WHERE hour >= date_trunc('hour', $1::timestamptz) GROUP BY backend ORDER BY backend`,
    [since.toISOString()],
  );
}

export interface ErrorReport {
  readonly backend: string;
  readonly errorCode: string | null;
  readonly transmissions: number;
  readonly toBeRetried: number;
  readonly sample: string | null;
}

/** `report_errors`, of all that is there. */
export async function errorReport(sql: Sql): Promise<ErrorReport[]> {
  return sql.query<ErrorReport>(
    `SELECT backend, error_code AS "errorCode", transmissions::int AS transmissions,
       to_be_retried::int AS "toBeRetried", sample
     FROM report_errors ORDER BY transmissions DESC, backend, error_code`,
  );
}

export interface TrafficProgress {
  readonly status: Status;
  readonly direction: 'I' | 'O';
  /** In E, and to be tried again. */
  readonly toBeRetried: number;
  readonly transmissions: number;
}

/** Where the transmissions since then stand; the cost is that of those transmissions. */
export async function trafficSince(sql: Sql, since: Date): Promise<TrafficProgress[]> {
  return sql.query<TrafficProgress>(
    `SELECT t.status::text AS status, m.direction::text AS direction, count(*)::int AS transmissions,
       (count(*) FILTER (WHERE t.retry_at IS NOT NULL))::int AS "toBeRetried"
     FROM transmissions t JOIN messages m ON m.id = t.message_id
     WHERE t.id >= $1::uuid GROUP BY t.status, m.direction`,
    [firstIdAt(since)],
  );
}

/** Whether anything was stored before that moment. */
export async function hasEarlierTraffic(sql: Sql, moment: Date): Promise<boolean> {
  const rows = await sql.query('SELECT 1 FROM messages WHERE id < $1::uuid LIMIT 1', [firstIdAt(moment)]);
  return rows.length > 0;
}
