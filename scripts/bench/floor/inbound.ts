/**
 * Inbound texts with a reply each, written by hand: message, transmission and job in one statement;
 * `R`, the reply, its transmission, its job and the completion in one; then as in sends.ts.
 */
import { idRun, uuid7 } from '../../../src/store/uuid7.ts';
import type { FloorConnections } from './connections.ts';
import { Group } from './group.ts';
import { completeJobs, fetchJobs, insertJob } from './job-rows.ts';
import { QUEUE } from './sends.ts';

const INBOUND = 'inbound';
const MOST_PER_COMMIT = 200;
const FETCH = 2;

const RECEIVE = `
WITH m AS (
  INSERT INTO messages (id, direction, status, text, backend_id, external_id)
  SELECT id, 'I', 'Q', text, $3::int, external_id
  FROM unnest($1::uuid[], $2::text[], $4::text[]) AS i(id, text, external_id)
  ON CONFLICT (backend_id, external_id) WHERE direction = 'I' AND external_id IS NOT NULL DO NOTHING
), t AS (
  INSERT INTO transmissions (id, message_id, connection_id, backend_id, status)
  SELECT i.id, i.id, c.id, $3::int, 'Q'
  FROM unnest($1::uuid[], $5::text[]) AS i(id, identity)
  JOIN connections c ON c.backend_id = $3::int AND c.identity = i.identity
)
${insertJob(INBOUND, '$6::jsonb')}`;

const FETCH_TEXTS = `
WITH j AS (${fetchJobs(INBOUND, FETCH)})
SELECT m.id, m.text, t.connection_id, j.id AS job
FROM j CROSS JOIN LATERAL jsonb_array_elements_text(j.data) AS d(id)
JOIN messages m ON m.id = d.id::uuid JOIN transmissions t ON t.id = m.id
WHERE m.status = 'Q'`;

const ANSWER = `
WITH r AS (
  UPDATE messages SET status = 'R', updated = now() WHERE id = ANY($1::uuid[]) AND status = 'Q'
), rt AS (
  UPDATE transmissions SET status = 'R', updated = now() WHERE id = ANY($1::uuid[])
), m AS (
  INSERT INTO messages (id, direction, text, priority, in_response_to_id)
  SELECT id, 'O', text, 10, reply_to FROM unnest($2::uuid[], $3::text[], $1::uuid[]) AS i(id, text, reply_to)
), t AS (
  INSERT INTO transmissions (id, message_id, connection_id, backend_id, status, segments)
  SELECT ($4::text || lpad(to_hex(n - 1), 6, '0'))::uuid, message_id, connection_id, $5::int, 'Q', 1
  FROM unnest($2::uuid[], $6::bigint[]) WITH ORDINALITY AS i(message_id, connection_id, n)
), job AS (${insertJob(QUEUE, '$7::jsonb')})
${completeJobs(INBOUND, '$8')}`;

export interface NewText {
  readonly text: string;
  readonly identity: string;
  readonly externalId: string;
}

/** Accepts inbound texts; each resolves at its commit. */
export function receiveByHand(
  { durable }: FloorConnections,
  backendId: number,
  onCommit: () => void,
): Group<NewText> {
  const commit = async (texts: NewText[]) => {
    const ids = texts.map(() => uuid7());
    await durable.query({
      name: 'receive',
      text: RECEIVE,
      values: [
        ids,
        texts.map((one) => one.text),
        backendId,
        texts.map((one) => one.externalId),
        texts.map((one) => one.identity),
        JSON.stringify(ids),
      ],
    });
    onCommit();
  };
  return new Group(commit, MOST_PER_COMMIT, 2);
}

/** Answers a few jobs of inbound texts. Returns how many it answered. */
export async function answerByHand(connections: FloorConnections, backendId: number): Promise<number> {
  const { rows } = await connections.relaxed.query({ text: FETCH_TEXTS });
  if (rows.length === 0) return 0;
  const run = idRun();
  await connections.durable.query({
    text: ANSWER,
    values: [
      rows.map((row) => row.id),
      rows.map(() => uuid7()),
      rows.map((row) => `pong ${row.text}`),
      run.prefix,
      backendId,
      rows.map((row) => row.connection_id),
      JSON.stringify([run.at(0), run.at(rows.length - 1)]),
      [...new Set(rows.map((row) => row.job))],
    ],
  });
  return rows.length;
}
