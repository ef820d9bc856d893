import { rankOf, SETTLE_MESSAGES } from './message-counts.ts';
import type { Sql } from './sql.ts';

/** A delivery report as it is stored; see backends/backend.ts for where it comes from. */
export interface NewReceipt {
  readonly backendId: number;
  /** The provider's id, or our transmission id when it gave none. */
  readonly externalId: string;
  readonly transmissionId?: string | undefined;
  readonly providerStatus: string;
  readonly status?: 'S' | 'D' | 'E' | undefined;
  readonly errorCode?: string | undefined;
  readonly errorMessage?: string | undefined;
  readonly occurredAt?: Date | undefined;
  readonly raw?: Readonly<Record<string, unknown>> | undefined;
}

export interface ReceiptCounts {
  /** Stored now; the others had come before. */
  stored: number;
  /** Raised a transmission's status. */
  applied: number;
  /** For provider ids we do not know (yet): kept and matched later. */
  parked: number;
}

/**
 * The end of both statements below: from `matched(transmission_id, status, error_code, error_message,
 * occurred)` to transmissions and messages. Of several receipts for one transmission the furthest
 * counts; none lowers a status; a known error code is never nulled. What was `unknown_outcome` and
 * is reported as sent was sent.
 */
const APPLY = `
furthest AS (
  SELECT DISTINCT ON (transmission_id) * FROM matched
  WHERE transmission_id IS NOT NULL AND status IS NOT NULL
  ORDER BY transmission_id, ${rankOf('status')} DESC
), raised AS (
  SELECT f.*, t.status AS was, t.message_id
  FROM furthest f JOIN transmissions t ON t.id = f.transmission_id
  WHERE ${rankOf('f.status')} > ${rankOf('t.status')}
     OR (f.status = 'S' AND t.status = 'E' AND t.error_code = 'unknown_outcome')
  ORDER BY t.id
  FOR NO KEY UPDATE OF t
), written AS (
  UPDATE transmissions t SET
    status = r.status,
    sent = COALESCE(t.sent, CASE WHEN r.status IN ('S', 'D') THEN COALESCE(r.occurred, now()) END),
    delivered = CASE WHEN r.status = 'D' THEN COALESCE(r.occurred, now()) ELSE t.delivered END,
    error_code = COALESCE(r.error_code, t.error_code),
    error_message = COALESCE(r.error_message, t.error_message),
    retry_at = NULL, dead_at = NULL, updated = now()
  FROM raised r WHERE t.id = r.transmission_id
), changes AS (
  SELECT message_id,
    (count(*) FILTER (WHERE status = 'S') - count(*) FILTER (WHERE was = 'S'))::int AS sent,
    (count(*) FILTER (WHERE status = 'D'))::int AS delivered,
    (count(*) FILTER (WHERE status = 'E') - count(*) FILTER (WHERE was = 'E'))::int AS errored
  FROM raised GROUP BY message_id
), settled AS (${SETTLE_MESSAGES})`;

const STORE = `
WITH input AS (
  SELECT * FROM unnest($1::int[], $2::text[], $3::uuid[], $4::text[], $5::status[], $6::text[], $7::text[], $8::timestamptz[], $9::jsonb[])
    AS i(backend_id, external_id, transmission_id, provider_status, status, error_code, error_message, occurred, raw)
), matched AS (
  INSERT INTO receipts (backend_id, external_id, transmission_id, provider_status, status, error_code, error_message, occurred, raw)
  SELECT i.backend_id, i.external_id, COALESCE(i.transmission_id, c.transmission_id), i.provider_status, i.status,
    i.error_code, i.error_message, i.occurred, i.raw
  FROM input i
  LEFT JOIN correlations c ON i.transmission_id IS NULL AND c.backend_id = i.backend_id AND c.external_id = i.external_id
  ORDER BY i.backend_id, i.external_id, i.provider_status
  ON CONFLICT DO NOTHING
  RETURNING transmission_id, status, error_code, error_message, occurred
), ${APPLY}
SELECT (SELECT count(*) FROM matched)::int AS stored,
  (SELECT count(*) FROM matched WHERE transmission_id IS NULL)::int AS parked,
  (SELECT count(*) FROM raised)::int AS applied`;

/** Stores receipts, once per (provider id, provider status), and applies them, in one statement. */
export async function storeReceipts(sql: Sql, receipts: readonly NewReceipt[]): Promise<ReceiptCounts> {
  const [row] = await sql.query<{ stored: number; parked: number; applied: number }>(STORE, [
    receipts.map((r) => r.backendId),
    receipts.map((r) => r.externalId),
    receipts.map((r) => r.transmissionId ?? null),
    receipts.map((r) => r.providerStatus),
    receipts.map((r) => r.status ?? null),
    receipts.map((r) => r.errorCode ?? null),
    receipts.map((r) => r.errorMessage ?? null),
    receipts.map((r) => r.occurredAt?.toISOString() ?? null),
    receipts.map((r) => (r.raw ? JSON.stringify(r.raw) : null)),
  ]);
  return { stored: row?.stored ?? 0, applied: row?.applied ?? 0, parked: row?.parked ?? 0 };
}

const MATCH_PARKED = `
WITH found AS (
  SELECT r.backend_id, r.external_id, r.provider_status, c.transmission_id
  FROM receipts r JOIN correlations c ON c.backend_id = r.backend_id AND c.external_id = r.external_id
  WHERE r.transmission_id IS NULL AND c.transmission_id IS NOT NULL AND r.received > now() - $1::float8 * interval '1 second'
  ORDER BY r.received LIMIT 5000
  FOR UPDATE OF r SKIP LOCKED
), matched AS (
  UPDATE receipts r SET transmission_id = f.transmission_id
  FROM found f
  WHERE r.backend_id = f.backend_id AND r.external_id = f.external_id AND r.provider_status = f.provider_status
  RETURNING r.transmission_id, r.status, r.error_code, r.error_message, r.occurred
), ${APPLY}
SELECT (SELECT count(*) FROM matched)::int AS matched`;

/**
 * Matches parked receipts that came in during the last `withinSeconds` with provider ids stored
 * since. A receipt and the result it belongs to may commit side by side without seeing each other;
 * looking again after either commit finds the pair.
 */
export async function matchParkedReceipts(sql: Sql, withinSeconds: number): Promise<number> {
  const [row] = await sql.query<{ matched: number }>(MATCH_PARKED, [withinSeconds]);
  return row?.matched ?? 0;
}
