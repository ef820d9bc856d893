import { TextyardError } from '../errors.ts';
import { INBOUND_QUEUE, type InboundJob, type JobQueue } from '../jobs/queue.ts';
import type { Database } from '../store/database.ts';
import { findInbound, insertInbound, type NewInbound } from '../store/inbound.ts';
import type { Sql } from '../store/sql.ts';
import { uuid7 } from '../store/uuid7.ts';
import { GroupCommit } from './group-commit.ts';
import { type ConnectionRef, IncomingMessage, type IncomingMessageInit } from './message.ts';
import { findBackend, normalizeSender, type RouterBackend } from './recipients.ts';

export interface ReceiveOptions {
  /** The provider's id: the same one twice on one backend is one message. */
  externalId?: string;
  receivedAt?: Date;
  /** Kept with the message, and handed to the apps. */
  fields?: Record<string, unknown>;
}

export interface InboxDependencies {
  readonly database: Database;
  readonly jobs: JobQueue;
  readonly backends: ReadonlyMap<string, RouterBackend>;
  readonly incomingClass?: (new (init: IncomingMessageInit) => IncomingMessage) | undefined;
}

/** Inbound messages that one job carries at the most: enough to share its cost, few enough to spread. */
const INBOUND_JOB_SIZE = 50;

/** RapidSMS's way of giving the provider's id. */
function externalIdOf(fields: Record<string, unknown> | undefined): string | undefined {
  const id = fields?.external_id;
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** Cuts inbound messages into jobs. */
export function inboundJobs(ids: readonly string[]): InboundJob[] {
  const jobs: InboundJob[] = [];
  for (let at = 0; at < ids.length; at += INBOUND_JOB_SIZE) {
    jobs.push({ ids: ids.slice(at, at + INBOUND_JOB_SIZE) });
  }
  return jobs;
}

/** Stores inbound texts with the jobs that take them to the apps; concurrent ones share a commit. */
export class Inbox {
  readonly #deps: InboxDependencies;
  readonly #receives: GroupCommit<NewInbound, { id: string; duplicate: boolean }>;

  constructor(deps: InboxDependencies) {
    this.#deps = deps;
    this.#receives = new GroupCommit((rows) => this.#commitReceives(rows));
  }

  /** See `Router.receive`. @throws TextyardError `unavailable` when the database is away */
  async receive(
    text: string,
    connection: Pick<ConnectionRef, 'backend' | 'identity'>,
    options: ReceiveOptions,
  ): Promise<IncomingMessage> {
    const backend = findBackend(this.#deps.backends, connection?.backend);
    if (typeof text !== 'string' || text.includes('\0')) {
      throw new TextyardError('invalid', 'text: expected a string without NUL characters', { field: 'text' });
    }
    if (typeof connection.identity !== 'string' || connection.identity.trim() === '') {
      throw new TextyardError('invalid', 'identity: is empty; give the sender’s number', {
        field: 'identity',
      });
    }
    const identity = normalizeSender(connection.identity, backend.policy);
    const { receivedAt, fields } = options;
    const externalId = options.externalId ?? externalIdOf(fields);
    const stored = await this.#receives.submit({
      id: uuid7(),
      backendId: backend.id,
      identity,
      text,
      externalId,
      receivedAt,
      fields,
    });
    const Incoming = this.#deps.incomingClass ?? IncomingMessage;
    return new Incoming({
      id: stored.id,
      text,
      connection: { backend: backend.name, identity },
      receivedAt: receivedAt ?? new Date(),
      externalId,
      fields: fields ?? {},
      duplicate: stored.duplicate,
    });
  }

  async #commitReceives(rows: NewInbound[]): Promise<{ id: string; duplicate: boolean }[]> {
    const { database, jobs } = this.#deps;
    const known = new Map<string, string>();
    const commit = async (sql: Sql) => {
      const written = await insertInbound(sql, rows);
      const queued = rows.filter((row) => written.has(row.id)).map((row) => row.id);
      await jobs.enqueueInbound(sql, inboundJobs(queued));
      if (written.size < rows.length) {
        const keys = rows.flatMap((row) =>
          written.has(row.id) || row.externalId === undefined
            ? []
            : [{ backendId: row.backendId, externalId: row.externalId }],
        );
        for (const row of await findInbound(sql, keys))
          known.set(`${row.backendId} ${row.externalId}`, row.id);
      }
      return written;
    };
    const ids = await database.tellingOutages(() => database.transaction(commit));
    if (ids.size > 0) jobs.wake(INBOUND_QUEUE);
    return rows.map((row) => {
      // One that is its own duplicate was written by an earlier try, whose commit was not answered.
      const id = ids.has(row.id) ? row.id : (known.get(`${row.backendId} ${row.externalId}`) ?? row.id);
      return { id, duplicate: id !== row.id };
    });
  }
}
