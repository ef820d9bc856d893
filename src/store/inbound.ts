import type { Sql } from './sql.ts';

/** An inbound text about to be stored. */
export interface NewInbound {
  readonly id: string;
  readonly backendId: number;
  readonly identity: string;
  readonly text: string;
  readonly externalId?: string | undefined;
  readonly receivedAt?: Date | undefined;
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
}

const INSERT_MESSAGES = `
INSERT INTO messages (id, direction, status, text, backend_id, external_id, date, fields)
SELECT id, 'I', 'Q', text, backend_id, external_id, COALESCE(received, now()), fields
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::jsonb[])
  AS m(id, text, backend_id, external_id, received, fields)
ON CONFLICT DO NOTHING
RETURNING id`;

const INSERT_TRANSMISSIONS = `
WITH looked AS MATERIALIZED (
  SELECT i.*, c.id AS known_id
  FROM unnest($1::uuid[], $2::int[], $3::text[]) AS i(id, backend_id, identity)
  LEFT JOIN LATERAL (SELECT id FROM connections
    WHERE backend_id = i.backend_id AND identity = i.identity LIMIT 1) c ON true
), added AS (
  INSERT INTO connections (backend_id, identity)
  SELECT DISTINCT backend_id, identity FROM looked WHERE known_id IS NULL
  ORDER BY backend_id, identity
  ON CONFLICT DO NOTHING
  RETURNING id, backend_id, identity
), resolved AS (
  SELECT l.id, l.backend_id, COALESCE(l.known_id, a.id) AS connection_id
  FROM looked l LEFT JOIN added a ON l.known_id IS NULL AND a.backend_id = l.backend_id AND a.identity = l.identity
), written AS (
  INSERT INTO transmissions (id, message_id, connection_id, backend_id, status)
  SELECT id, id, connection_id, backend_id, 'Q' FROM resolved WHERE connection_id IS NOT NULL
  ON CONFLICT DO NOTHING
)
SELECT (count(*) FILTER (WHERE connection_id IS NULL))::int AS unresolved FROM resolved`;

/**
 * Stores inbound texts; one whose (backend, provider id) is there already is left out, and so is one
 * that was written before, by a commit whose answer was lost. An inbound message has one transmission, which bears the same id. Returns the ids written.
 */
export async function insertInbound(sql: Sql, rows: readonly NewInbound[]): Promise<Set<string>> {
  const stored = await sql.query<{ id: string }>(INSERT_MESSAGES, [
    rows.map((r) => r.id),
    rows.map((r) => r.text),
    rows.map((r) => r.backendId),
    rows.map((r) => r.externalId ?? null),
    rows.map((r) => r.receivedAt?.toISOString() ?? null),
    rows.map((r) => (r.fields ? JSON.stringify(r.fields) : null)),
  ]);
  const ids = new Set(stored.map((row) => row.id));
  const written = rows.filter((row) => ids.has(row.id));
  if (written.length === 0) return ids;
  for (let tries = 0; tries < 5; tries++) {
    const [result] = await sql.query<{ unresolved: number }>(INSERT_TRANSMISSIONS, [
      written.map((r) => r.id),
      written.map((r) => r.backendId),
      written.map((r) => r.identity),
    ]);
    if (!result?.unresolved) return ids;
  }
  throw new Error('connections kept appearing and disappearing while inbound texts were written');
}

/** The inbound messages that already have these provider ids. */
export async function findInbound(
  sql: Sql,
  keys: readonly { backendId: number; externalId: string }[],
): Promise<{ id: string; backendId: number; externalId: string }[]> {
  return sql.query(
    `SELECT m.id, m.backend_id AS "backendId", m.external_id AS "externalId"
     FROM unnest($1::int[], $2::text[]) AS k(backend_id, external_id)
     JOIN messages m ON m.direction = 'I' AND m.backend_id = k.backend_id AND m.external_id = k.external_id`,
    [keys.map((k) => k.backendId), keys.map((k) => k.externalId)],
  );
}

export interface QueuedInbound {
  readonly id: string;
  readonly text: string;
  readonly backend: string;
  readonly identity: string;
  /** A bigint as text: raw drivers differ in how they give it. */
  readonly connectionId: string;
  readonly contactId: string | null;
  readonly externalId: string | null;
  readonly date: Date;
  readonly fields: Record<string, unknown> | null;
}

/** Those of the messages that still wait for the apps, in order of id. */
export async function loadQueuedInbound(sql: Sql, ids: readonly string[]): Promise<QueuedInbound[]> {
  return sql.query<QueuedInbound>(
    `SELECT m.id, m.text, b.name AS backend, c.identity, c.id::text AS "connectionId", c.contact_id::text AS "contactId",
       m.external_id AS "externalId", m.date, m.fields
     FROM messages m JOIN transmissions t ON t.id = m.id
     JOIN connections c ON c.id = t.connection_id JOIN backends b ON b.id = m.backend_id
     WHERE m.id = ANY($1::uuid[]) AND m.direction = 'I' AND m.status = 'Q' ORDER BY m.id`,
    [ids],
  );
}

/** How the apps were through with an inbound message. */
export interface InboundOutcome {
  readonly id: string;
  readonly status: 'R' | 'E';
  readonly error?: string | undefined;
  /** Added to the message's fields, such as why it was filtered. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
}

const FINISH = `
WITH done AS (
  UPDATE messages m SET status = o.status, error = o.error, updated = now(),
    fields = CASE WHEN o.fields IS NULL THEN m.fields ELSE COALESCE(m.fields, '{}') || o.fields END,
    errored_count = CASE WHEN o.status = 'E' THEN 1 ELSE 0 END
  FROM (SELECT * FROM unnest($1::uuid[], $2::status[], $3::text[], $4::jsonb[])
    AS o(id, status, error, fields) ORDER BY id) o
  WHERE m.id = o.id AND m.status = 'Q'
  RETURNING m.id, o.status, o.error
), passed AS (
  UPDATE transmissions t SET status = d.status, error_message = d.error, updated = now(),
    dead_at = CASE WHEN d.status = 'E' THEN now() END
  FROM done d WHERE t.id = d.id
)
SELECT id FROM done`;

/**
 * Marks inbound messages received or errored. Only those still queued are marked and returned: the
 * replies of the others have been written by whoever marked them first.
 */
export async function finishInbound(sql: Sql, outcomes: readonly InboundOutcome[]): Promise<Set<string>> {
  const rows = await sql.query<{ id: string }>(FINISH, [
    outcomes.map((o) => o.id),
    outcomes.map((o) => o.status),
    outcomes.map((o) => o.error ?? null),
    outcomes.map((o) => (o.fields ? JSON.stringify(o.fields) : null)),
  ]);
  return new Set(rows.map((row) => row.id));
}

/**
 * How many texts identical to `text` (trimmed, case-folded) this connection sent in the last
 * `withinSeconds` before the given message.
 */
export async function countIdenticalInbound(
  sql: Sql,
  connectionId: string,
  text: string,
  withinSeconds: number,
  beforeMessageId: string,
): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM transmissions t JOIN messages m ON m.id = t.message_id
     WHERE t.connection_id = $1::bigint AND m.direction = 'I' AND m.date > now() - $3::float8 * interval '1 second'
       AND m.id < $4::uuid AND lower(btrim(m.text)) = lower(btrim($2::text))`,
    [connectionId, text, withinSeconds, beforeMessageId],
  );
  return row?.count ?? 0;
}
