import type { Sql } from './sql.ts';
import type { IdRun } from './uuid7.ts';

/** A row of `messages` about to be written; the transmissions come beside it. */
export interface NewOutboundMessage {
  readonly id: string;
  readonly text: string;
  readonly recipients: number;
  readonly priority: number;
  readonly inResponseToId?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly sendAt?: Date | undefined;
  /** Counted by the database's clock, from `sendAt` or from now. */
  readonly validForSeconds?: number | undefined;
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
}

const INSERT_MESSAGES = `
INSERT INTO messages (id, direction, status, text, recipients, priority,
  in_response_to_id, idempotency_key, send_at, valid_until, fields)
SELECT id, 'O', 'Q', text, recipients, priority, reply_to, key, send_at,
  GREATEST(send_at, now()) + valid_seconds * interval '1 second', fields
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::smallint[], $5::uuid[], $6::text[],
  $7::timestamptz[], $8::float8[], $9::jsonb[])
  AS m(id, text, recipients, priority, reply_to, key, send_at, valid_seconds, fields)
ON CONFLICT DO NOTHING
RETURNING id`;

/**
 * Writes messages; those whose idempotency key is taken are left out, and so are those that were
 * written before, by a commit whose answer was lost. Returns the ids written.
 */
export async function insertOutboundMessages(
  sql: Sql,
  messages: readonly NewOutboundMessage[],
): Promise<Set<string>> {
  const rows = await sql.query<{ id: string }>(INSERT_MESSAGES, [
    messages.map((m) => m.id),
    messages.map((m) => m.text),
    messages.map((m) => m.recipients),
    messages.map((m) => m.priority),
    messages.map((m) => m.inResponseToId ?? null),
    messages.map((m) => m.idempotencyKey ?? null),
    messages.map((m) => m.sendAt?.toISOString() ?? null),
    messages.map((m) => m.validForSeconds ?? null),
    messages.map((m) => (m.fields ? JSON.stringify(m.fields) : null)),
  ]);
  return new Set(rows.map((row) => row.id));
}

/** The message that already has this idempotency key. */
export async function findByIdempotencyKey(
  sql: Sql,
  keys: readonly string[],
): Promise<{ id: string; key: string; text: string; recipients: number }[]> {
  return sql.query(
    `SELECT id, idempotency_key AS key, text, recipients FROM messages WHERE idempotency_key = ANY($1::text[])`,
    [keys],
  );
}

/** Transmissions of one backend about to be written, their ids in one run. */
export interface NewTransmissions {
  readonly backendId: number;
  readonly backendName: string;
  readonly ids: IdRun;
  /** One message for all of them, or one each. */
  readonly messageIds: string | readonly string[];
  readonly identities: readonly string[];
  /** Personalised texts, where they differ from the message's. */
  readonly texts?: readonly (string | null)[] | undefined;
  readonly segments: number | readonly number[];
  /** Let suppressed identities through (the confirmation of an opt-out). */
  readonly ignoreSuppressions?: boolean | undefined;
}

export interface InsertedTransmissions {
  /** Rows written, suppressed ones included. */
  inserted: number;
  /** Rows written as `E` with `suppressed`. */
  suppressed: number;
}

/** Values of a statement under construction; `add` gives the placeholder. */
class Parameters {
  readonly values: unknown[] = [];
  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

/**
 * Looks up or makes the connections, and writes the transmissions, in one statement. The same
 * connection twice in one message is one transmission. A suppressed identity's transmission is
 * written as `E`, so that the report says why she got nothing. (LATERAL with LIMIT is an index lookup
 * each; a join would hash all connections for each chunk, and cost more the more there are.)
 */
function insertStatement(rows: NewTransmissions): { text: string; values: unknown[] } {
  const p = new Parameters();
  const columns = ['identity'];
  const arrays = [p.add(rows.identities, 'text[]')];
  /** An array becomes a column of the input, a single value stays one. */
  const column = (name: string, value: unknown, type: string): string => {
    if (!Array.isArray(value)) return p.add(value ?? null, type);
    columns.push(name);
    arrays.push(p.add(value, `${type}[]`));
    return `i.${name}`;
  };
  const messageId = column('message_id', rows.messageIds, 'uuid');
  const personal = column('text', rows.texts, 'text');
  const segments = column('segments', rows.segments, 'smallint');
  const prefix = p.add(rows.ids.prefix, 'text');
  const backend = p.add(rows.backendId, 'int');
  const scope = p.add(rows.backendName, 'text');
  const ignore = p.add(rows.ignoreSuppressions ?? false, 'boolean');
  const text = `
WITH looked AS MATERIALIZED (
  SELECT i.n, i.identity, ${messageId} AS message_id, ${personal} AS text, ${segments} AS segments, c.id AS known_id,
    (NOT ${ignore} AND EXISTS (SELECT FROM suppressions s
      WHERE s.identity = i.identity AND s.scope IN ('*', ${scope}))) AS suppressed
  FROM unnest(${arrays.join(', ')}) WITH ORDINALITY AS i(${columns.join(', ')}, n)
  LEFT JOIN LATERAL (SELECT id FROM connections
    WHERE backend_id = ${backend} AND identity = i.identity LIMIT 1) c ON true
), added AS (
  INSERT INTO connections (backend_id, identity)
  SELECT DISTINCT ${backend}, identity FROM looked WHERE known_id IS NULL
  -- In one order everywhere, so that two who make the same ones do not wait for each other.
  ORDER BY identity
  ON CONFLICT DO NOTHING
  RETURNING id, identity
), resolved AS (
  SELECT l.*, COALESCE(l.known_id, a.id) AS connection_id
  FROM looked l LEFT JOIN added a ON l.known_id IS NULL AND a.identity = l.identity
), written AS (
  INSERT INTO transmissions (id, message_id, connection_id, backend_id, status, segments, text, error_code, error_message)
  SELECT (${prefix} || lpad(to_hex(n - 1), 6, '0'))::uuid, message_id, connection_id, ${backend},
    (CASE WHEN suppressed THEN 'E' ELSE 'Q' END)::status, segments, text,
    CASE WHEN suppressed THEN 'suppressed' END,
    CASE WHEN suppressed THEN 'On the suppression list when it was sent.' END
  FROM resolved WHERE connection_id IS NOT NULL
  ORDER BY n
  ON CONFLICT DO NOTHING
  RETURNING status
)
SELECT (SELECT count(*) FROM resolved WHERE connection_id IS NULL)::int AS unresolved,
  count(*)::int AS inserted, (count(*) FILTER (WHERE status = 'E'))::int AS suppressed
FROM written`;
  return { text, values: p.values };
}

/** Writes transmissions of one backend. Rows whose message was not written break a foreign key: leave them out. */
export async function insertTransmissions(sql: Sql, rows: NewTransmissions): Promise<InsertedTransmissions> {
  const { text, values } = insertStatement(rows);
  const total: InsertedTransmissions = { inserted: 0, suppressed: 0 };
  // A connection that another transaction is making right now is neither found nor made by us; once
  // that transaction has committed (our INSERT waited for it), the next statement sees it.
  for (let tries = 0; tries < 5; tries++) {
    const [result] = await sql.query<{ unresolved: number; inserted: number; suppressed: number }>(
      text,
      values,
    );
    total.inserted += result?.inserted ?? 0;
    total.suppressed += result?.suppressed ?? 0;
    if (!result?.unresolved) return total;
  }
  throw new Error('connections kept appearing and disappearing while transmissions were written');
}

/** Makes a message's counts true after duplicates or suppressed recipients. */
export async function setRecipients(
  sql: Sql,
  messageId: string,
  recipients: number,
  errored: number,
): Promise<void> {
  await sql.query(
    `UPDATE messages SET recipients = $2::int, errored_count = $3::int,
       status = CASE WHEN $3::int > 0 THEN 'E'::status ELSE status END, updated = now() WHERE id = $1::uuid`,
    [messageId, recipients, errored],
  );
}

/**
 * As `setRecipients`, by counting the rows: for small messages written together with others.
 * Returns the counts.
 */
export async function recountRecipients(
  sql: Sql,
  messageIds: readonly string[],
): Promise<{ id: string; recipients: number }[]> {
  return sql.query(
    `UPDATE messages m SET recipients = c.recipients, errored_count = c.errored,
       status = CASE WHEN c.errored > 0 THEN 'E'::status ELSE m.status END, updated = now()
     FROM (SELECT message_id, count(*)::int AS recipients, (count(*) FILTER (WHERE status = 'E'))::int AS errored
       FROM transmissions WHERE message_id = ANY($1::uuid[]) GROUP BY message_id) c
     WHERE m.id = c.message_id
     RETURNING m.id, m.recipients`,
    [messageIds],
  );
}

/** Up to `limit` identities of a message that were suppressed. */
export async function suppressedOf(
  sql: Sql,
  messageIds: readonly string[],
  limit: number,
): Promise<{ messageId: string; identity: string }[]> {
  return sql.query(
    `SELECT t.message_id AS "messageId", c.identity FROM transmissions t JOIN connections c ON c.id = t.connection_id
     WHERE t.message_id = ANY($1::uuid[]) AND t.status = 'E' AND t.error_code = 'suppressed' ORDER BY t.id LIMIT $2::int`,
    [messageIds, limit],
  );
}
