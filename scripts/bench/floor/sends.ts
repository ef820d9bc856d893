/**
 * One-recipient sends with group commit, written by hand: message, transmission and job in one
 * statement; fetch and claim in one; S, count and completion in one.
 */
import { idRun, uuid7 } from '../../../src/store/uuid7.ts';
import type { FloorConnections } from './connections.ts';
import { Group } from './group.ts';
import { completeJobs, fetchJobs, insertJob } from './job-rows.ts';

export const QUEUE = 'outbound.bench';
const MOST_PER_COMMIT = 200;
/** Jobs that one fetch takes: enough that small commits do not mean small batches. */
const FETCH = 4;

const ACCEPT = `
WITH m AS (
  INSERT INTO messages (id, direction, text)
  SELECT id, 'O', text FROM unnest($1::uuid[], $2::text[]) AS i(id, text)
), t AS (
  INSERT INTO transmissions (id, message_id, connection_id, backend_id, status, segments)
  SELECT ($3::text || lpad(to_hex(n - 1), 6, '0'))::uuid, message_id, connection_id, $4::int, 'Q', 1
  FROM unnest($1::uuid[], $5::bigint[]) WITH ORDINALITY AS i(message_id, connection_id, n)
)
${insertJob(QUEUE, '$6::jsonb')}`;

const CLAIM = `
WITH j AS (${fetchJobs(QUEUE, FETCH)}), claimed AS (
  UPDATE transmissions t SET status = 'P', attempts = t.attempts + 1, updated = now()
  FROM j, messages m, connections c
  WHERE t.id BETWEEN (j.data->>0)::uuid AND (j.data->>1)::uuid AND t.status = 'Q'
    AND m.id = t.message_id AND c.id = t.connection_id
  RETURNING t.id, t.message_id, m.text, c.identity, j.id AS job
)
SELECT * FROM claimed`;

const SENT = `
WITH t AS (
  UPDATE transmissions t SET status = 'S', external_id = i.external_id, sent = now(), updated = now()
  FROM unnest($1::uuid[], $2::text[]) AS i(id, external_id)
  WHERE t.id = i.id AND t.status = 'P'
  RETURNING t.message_id
), m AS (
  UPDATE messages m SET sent_count = 1, status = 'S', sent = now(), updated = now()
  FROM t WHERE m.id = t.message_id
)
${completeJobs(QUEUE, '$3')}`;

export interface NewSend {
  readonly text: string;
  readonly connectionId: string;
}

/** Accepts sends; each resolves at its commit. */
export function acceptByHand(
  { durable }: FloorConnections,
  backendId: number,
  onCommit: () => void,
): Group<NewSend> {
  const commit = async (sends: NewSend[]) => {
    const run = idRun();
    await durable.query({
      name: 'accept',
      text: ACCEPT,
      values: [
        sends.map(() => uuid7()),
        sends.map((send) => send.text),
        run.prefix,
        backendId,
        sends.map((send) => send.connectionId),
        JSON.stringify([run.at(0), run.at(sends.length - 1)]),
      ],
    });
    onCommit();
  };
  return new Group(commit, MOST_PER_COMMIT, 2);
}

/** Takes a few jobs' transmissions to S. Returns how many. */
export async function dispatchByHand({ durable, relaxed }: FloorConnections): Promise<number> {
  const { rows } = await relaxed.query(CLAIM);
  if (rows.length > 0) {
    await durable.query({
      name: 'sent',
      text: SENT,
      values: [
        rows.map((row) => row.id),
        rows.map((row) => `x-${row.id}`),
        [...new Set(rows.map((row) => row.job))],
      ],
    });
  }
  return rows.length;
}
