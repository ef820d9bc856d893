/**
 * One message to many, written by hand: rows in by unnest, then batches to P and to S. There is no
 * queue, no lease, no retry, no suppression list and no check of numbers: the least that
 * PostgreSQL must do for these tables.
 */
import { idRun, uuid7 } from '../../../src/store/uuid7.ts';
import type { FloorConnections } from './connections.ts';

const CHUNK = 10_000;
const BATCH = 200;
/** Connections that claim side by side. */
const CLAIMERS = 3;
/** Results that one statement writes at the most. */
const MOST_RESULTS = 2_000;

interface Range {
  readonly first: string;
  readonly last: string;
}

const INSERT = `
INSERT INTO transmissions (id, message_id, connection_id, backend_id, status, segments)
SELECT ($1 || lpad(to_hex(n - 1), 6, '0'))::uuid, $2::uuid, c, $3::int, 'Q', 1
FROM unnest($4::bigint[]) WITH ORDINALITY AS i(c, n)`;

const CLAIM = `
UPDATE transmissions t SET status = 'P', attempts = t.attempts + 1, updated = now()
FROM connections c
WHERE t.id BETWEEN $1::uuid AND $2::uuid AND t.status = 'Q' AND c.id = t.connection_id
RETURNING t.id, c.identity`;

const SENT = `
WITH written AS (
  UPDATE transmissions t SET status = 'S', external_id = i.external_id, sent = now(), updated = now()
  FROM unnest($1::uuid[], $2::text[]) AS i(id, external_id)
  WHERE t.id = i.id AND t.status = 'P'
  RETURNING t.message_id
), counted AS (SELECT message_id, count(*)::int AS n FROM written GROUP BY message_id)
UPDATE messages m SET sent_count = m.sent_count + c.n, updated = now(),
  status = (CASE WHEN m.sent_count + c.n < m.recipients THEN 'P' ELSE 'S' END)::status,
  sent = CASE WHEN m.sent_count + c.n >= m.recipients THEN now() END
FROM counted c WHERE m.id = c.message_id`;

/** Writes the message and its transmissions in one transaction. Returns the ranges of ids of the batches. */
export async function writeByHand(
  { durable }: FloorConnections,
  backendId: number,
  connectionIds: readonly string[],
): Promise<Range[]> {
  const messageId = uuid7();
  const ranges: Range[] = [];
  const client = await durable.connect();
  try {
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO messages (id, direction, text, recipients) VALUES ($1::uuid, 'O', 'Hello from the benchmark', $2::int)`,
      [messageId, connectionIds.length],
    );
    for (let at = 0; at < connectionIds.length; at += CHUNK) {
      const chunk = connectionIds.slice(at, at + CHUNK);
      const run = idRun();
      await client.query(INSERT, [run.prefix, messageId, backendId, chunk]);
      for (let first = 0; first < chunk.length; first += BATCH) {
        ranges.push({ first: run.at(first), last: run.at(Math.min(first + BATCH, chunk.length) - 1) });
      }
    }
    await client.query('COMMIT');
  } finally {
    client.release();
  }
  return ranges;
}

/** Takes every batch to S: several connections claim, one writes all results there are at once. */
export async function dispatchByHand(connections: FloorConnections, ranges: readonly Range[]): Promise<void> {
  const { durable, relaxed } = connections;
  let next = 0;
  let results: { id: string; externalId: string }[] = [];
  let writing: Promise<void> | undefined;
  const write = async () => {
    while (results.length > 0) {
      const part = results.slice(0, MOST_RESULTS);
      results = results.slice(MOST_RESULTS);
      await durable.query({
        name: 'sent',
        text: SENT,
        values: [part.map((row) => row.id), part.map((row) => row.externalId)],
      });
    }
  };
  const claim = async () => {
    for (let range = ranges[next++]; range; range = ranges[next++]) {
      const { rows } = await relaxed.query({ name: 'claim', text: CLAIM, values: [range.first, range.last] });
      for (const row of rows) results.push({ id: row.id, externalId: `x-${row.id}` });
      writing ??= write().finally(() => {
        writing = undefined;
      });
      // Without this the claims run ahead of the results without bound.
      if (results.length > MOST_RESULTS * 2) await writing;
    }
  };
  await Promise.all(Array.from({ length: CLAIMERS }, claim));
  while (writing) await writing;
  await write();
}
