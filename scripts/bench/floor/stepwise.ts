/**
 * The same work as in sends.ts and inbound.ts as a program by hand would more likely have it: a
 * statement for each table and each step, several of them in a transaction where they belong together.
 */
import type pg from 'pg';
import { idRun, uuid7 } from '../../../src/store/uuid7.ts';
import type { FloorConnections } from './connections.ts';
import { Group } from './group.ts';
import type { NewText } from './inbound.ts';
import { completeJobs, fetchJobs, insertJob } from './job-rows.ts';
import { type NewSend, QUEUE } from './sends.ts';

const MOST_PER_COMMIT = 200;
const INBOUND = 'inbound';

const INSERT_MESSAGES = `INSERT INTO messages (id, direction, text, priority, in_response_to_id)
SELECT id, 'O', text, $3::smallint, reply_to FROM unnest($1::uuid[], $2::text[], $4::uuid[]) AS i(id, text, reply_to)`;

const INSERT_TRANSMISSIONS = `INSERT INTO transmissions (id, message_id, connection_id, backend_id, status, segments)
SELECT ($1 || lpad(to_hex(n - 1), 6, '0'))::uuid, message_id, connection_id, $2::int, 'Q', 1
FROM unnest($3::uuid[], $4::bigint[]) WITH ORDINALITY AS i(message_id, connection_id, n)`;

const INSERT_INBOUND = `INSERT INTO messages (id, direction, status, text, backend_id, external_id)
SELECT id, 'I', 'Q', text, $3::int, external_id FROM unnest($1::uuid[], $2::text[], $4::text[]) AS i(id, text, external_id)
ON CONFLICT (backend_id, external_id) WHERE direction = 'I' AND external_id IS NOT NULL DO NOTHING`;

const INSERT_INBOUND_TRANSMISSIONS = `INSERT INTO transmissions (id, message_id, connection_id, backend_id, status)
SELECT i.id, i.id, c.id, $2::int, 'Q' FROM unnest($1::uuid[], $3::text[]) AS i(id, identity)
JOIN connections c ON c.backend_id = $2::int AND c.identity = i.identity`;

const LOAD_INBOUND = `SELECT m.id, m.text, t.connection_id FROM messages m JOIN transmissions t ON t.id = m.id
WHERE m.id = ANY($1::uuid[]) AND m.status = 'Q'`;

const CLAIM = `UPDATE transmissions SET status = 'P', attempts = attempts + 1, updated = now()
WHERE id BETWEEN $1::uuid AND $2::uuid AND status = 'Q' RETURNING id, message_id, connection_id`;

const LOAD_TEXTS = `SELECT t.id, m.text, c.identity FROM transmissions t JOIN messages m ON m.id = t.message_id
JOIN connections c ON c.id = t.connection_id WHERE t.id = ANY($1::uuid[])`;

const SENT = `UPDATE transmissions t SET status = 'S', external_id = i.external_id, sent = now(), updated = now()
FROM unnest($1::uuid[], $2::text[]) AS i(id, external_id) WHERE t.id = i.id AND t.status = 'P'`;

const COUNT = `UPDATE messages SET sent_count = 1, status = 'S', sent = now(), updated = now() WHERE id = ANY($1::uuid[])`;

/** Accepts sends in transactions of several statements; each call resolves at its commit. */
export function acceptStepwise(
  { durable }: FloorConnections,
  backendId: number,
  onCommit: () => void,
): Group<NewSend> {
  const commit = async (sends: NewSend[]) => {
    await inTransaction(durable, (client) =>
      insertSends(
        client,
        backendId,
        sends.map(({ text, connectionId }) => ({ text, connectionId, replyTo: null })),
      ),
    );
    onCommit();
  };
  return new Group(commit, MOST_PER_COMMIT, 2);
}

/** Accepts inbound texts likewise. */
export function receiveStepwise(
  { durable }: FloorConnections,
  backendId: number,
  onCommit: () => void,
): Group<NewText> {
  const commit = async (texts: NewText[]) => {
    const ids = texts.map(() => uuid7());
    await inTransaction(durable, async (client) => {
      const given = [
        ids,
        texts.map(({ text }) => text),
        backendId,
        texts.map(({ externalId }) => externalId),
      ];
      await client.query(INSERT_INBOUND, given);
      await client.query(INSERT_INBOUND_TRANSMISSIONS, [
        ids,
        backendId,
        texts.map(({ identity }) => identity),
      ]);
      await client.query(insertJob(INBOUND, '$1::jsonb'), [JSON.stringify(ids)]);
    });
    onCommit();
  };
  return new Group(commit, MOST_PER_COMMIT, 2);
}

/** Answers one job of inbound texts. Returns how many it answered. */
export async function answerStepwise(
  { durable, relaxed }: FloorConnections,
  backendId: number,
): Promise<number> {
  const [job] = (await relaxed.query(fetchJobs(INBOUND, 1))).rows;
  if (!job) return 0;
  const texts = (await relaxed.query(LOAD_INBOUND, [job.data])).rows;
  const ids = texts.map(({ id }) => id);
  await inTransaction(durable, async (client) => {
    for (const table of ['messages', 'transmissions']) {
      await client.query(`UPDATE ${table} SET status = 'R', updated = now() WHERE id = ANY($1::uuid[])`, [
        ids,
      ]);
    }
    const replies = texts.map(({ id, text, connection_id }) => ({
      text: `pong ${text}`,
      connectionId: connection_id,
      replyTo: id,
    }));
    await insertSends(client, backendId, replies);
    await client.query(completeJobs(INBOUND, '$1'), [[job.id]]);
  });
  return texts.length;
}

/** Takes one job's transmissions to S. Returns how many. */
export async function dispatchStepwise({ durable, relaxed }: FloorConnections): Promise<number> {
  const [job] = (await relaxed.query(fetchJobs(QUEUE, 1))).rows;
  if (!job) return 0;
  const claimed = (await relaxed.query(CLAIM, job.data)).rows;
  const texts = (await relaxed.query(LOAD_TEXTS, [claimed.map(({ id }) => id)])).rows;
  await inTransaction(durable, async (client) => {
    await client.query(SENT, [texts.map(({ id }) => id), texts.map(({ id }) => `x-${id}`)]);
    await client.query(COUNT, [claimed.map(({ message_id }) => message_id)]);
  });
  await relaxed.query(completeJobs(QUEUE, '$1'), [[job.id]]);
  return claimed.length;
}

interface Outgoing {
  readonly text: string;
  readonly connectionId: string;
  readonly replyTo: string | null;
}

async function insertSends(
  client: pg.PoolClient,
  backendId: number,
  sends: readonly Outgoing[],
): Promise<void> {
  const run = idRun();
  const messageIds = sends.map(() => uuid7());
  const priority = sends[0]?.replyTo === null ? 0 : 10;
  await client.query(INSERT_MESSAGES, [
    messageIds,
    sends.map(({ text }) => text),
    priority,
    sends.map(({ replyTo }) => replyTo),
  ]);
  await client.query(INSERT_TRANSMISSIONS, [
    run.prefix,
    backendId,
    messageIds,
    sends.map(({ connectionId }) => connectionId),
  ]);
  await client.query(insertJob(QUEUE, '$1::jsonb'), [JSON.stringify([run.at(0), run.at(sends.length - 1)])]);
}

async function inTransaction(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await work(client);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}
