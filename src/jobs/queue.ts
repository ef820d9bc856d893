import { PgBoss } from 'pg-boss';
import { TextyardError } from '../errors.ts';
import type { IdRange } from '../store/claim.ts';
import type { Database } from '../store/database.ts';
import type { Sql } from '../store/sql.ts';
import { uuid7 } from '../store/uuid7.ts';
import { notifyWake } from '../store/wake.ts';

/** What an outbound job carries: which transmissions, as one range of ids or as single ones. */
export interface OutboundJob {
  readonly ranges: readonly IdRange[];
  /** How many transmissions that is at the most. */
  readonly count: number;
  readonly priority: number;
}

/** What an inbound job carries. */
export interface InboundJob {
  readonly ids: readonly string[];
}

/** A job as it was fetched; `retryCount` fences its completion to this fetch. */
export interface FetchedJob<Data> {
  readonly id: string;
  readonly retryCount: number;
  readonly data: Data;
}

export const INBOUND_QUEUE = 'inbound';
export const DEAD_LETTER_QUEUE = 'dead-letters';

/** The queue of a backend's batches. */
export function outboundQueue(backend: string): string {
  return `outbound.${backend}`;
}

/** A worker that is silent for this long has lost its jobs; pg-boss's floor. Seconds. */
export const HEARTBEAT_SECONDS = 10;

const TEN_YEARS = 10 * 365 * 24 * 3600;

const QUEUE_OPTIONS = {
  // A job fails only when its worker dies or the database is away, not when a provider refuses.
  retryLimit: 20,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 60,
  heartbeatSeconds: HEARTBEAT_SECONDS,
  // The heartbeat notices a dead worker; this bounds only a live one that never finishes.
  expireInSeconds: 23 * 3600,
  // A backlog must wait for its backend for as long as it takes.
  retentionSeconds: TEN_YEARS,
  deleteAfterSeconds: 900,
  deadLetter: DEAD_LETTER_QUEUE,
};

export interface JobQueueOptions {
  onError?: (error: unknown) => void;
}

/** pg-boss behind our words: which queues there are, what jobs carry, and who is woken. */
export class JobQueue {
  readonly #boss: PgBoss;
  readonly #database: Database;
  readonly #localWakers = new Map<string, Set<() => void>>();
  readonly #notifiedAt = new Map<string, number>();
  readonly #known = new Set<string>();
  readonly #notifying = new Set<Promise<void>>();

  constructor(database: Database, options: JobQueueOptions = {}) {
    this.#database = database;
    this.#boss = new PgBoss({
      // Inserts and what must hold come with a transaction of their own; a fetch, a heartbeat or a
      // completion lost in a crash of the server only makes a job come again.
      db: asBoss(database.relaxed),
      migrate: false,
      createSchema: false,
      schedule: false,
      // Workers call supervise() themselves; who only sends has no need of it.
      supervise: false,
      monitorIntervalSeconds: 5,
      // Completed jobs leave a minute after their time; by default pg-boss looks once a day, and by then
      // there are millions of them.
      maintenanceIntervalSeconds: 60,
    });
    this.#boss.on('error', (error) => options.onError?.(error));
  }

  /** @throws TextyardError `schema_mismatch` when pg-boss's tables are missing or of another version */
  async start(): Promise<void> {
    try {
      await this.#boss.start();
    } catch (error) {
      if (!/schema|version|migrat|does not exist/i.test((error as Error).message)) throw error;
      throw new TextyardError(
        'schema_mismatch',
        'The job tables are missing or of another version: run "textyard migrate".',
        { cause: error },
      );
    }
  }

  async stop(): Promise<void> {
    // A process that sends and ends must not take the wake-up along.
    await Promise.all(this.#notifying);
    await this.#boss.stop({ graceful: false, close: false });
  }

  /** Hands dead workers' jobs out again and clears away old ones; workers call it every few seconds. */
  async supervise(): Promise<void> {
    await this.#boss.supervise();
  }

  /** Makes a backend's queue if it is missing. */
  async ensureOutboundQueue(backend: string): Promise<void> {
    const name = outboundQueue(backend);
    if (this.#known.has(name)) return;
    if (!(await this.#boss.getQueue(name))) await this.#boss.createQueue(name, QUEUE_OPTIONS);
    this.#known.add(name);
  }

  /** Adds batches of one backend; they exist when `sql`'s transaction commits. @param startAfter not before then */
  async enqueueOutbound(
    sql: Sql,
    backend: string,
    jobs: readonly OutboundJob[],
    startAfter?: Date | number,
  ): Promise<void> {
    if (jobs.length === 0) return;
    await this.#boss.insert(
      outboundQueue(backend),
      // pg-boss fetches by priority, creation, id: UUIDv7s keep the order inside one insert.
      jobs.map((job) => ({
        id: uuid7(),
        data: job,
        priority: job.priority,
        ...(startAfter === undefined
          ? {}
          : {
              startAfter: typeof startAfter === 'number' ? `${startAfter} seconds` : startAfter.toISOString(),
            }),
      })),
      { db: asBoss(sql) },
    );
  }

  /** Adds inbound messages for the apps; the job exists when `sql`'s transaction commits. */
  async enqueueInbound(sql: Sql, jobs: readonly InboundJob[]): Promise<void> {
    if (jobs.length === 0) return;
    await this.#boss.insert(
      INBOUND_QUEUE,
      jobs.map((job) => ({ id: uuid7(), data: job })),
      { db: asBoss(sql) },
    );
  }

  async fetch<Data extends object>(queue: string, limit: number): Promise<FetchedJob<Data>[]> {
    return this.#boss.fetch<Data>(queue, { batchSize: limit });
  }

  async complete(queue: string, jobs: readonly FetchedJob<unknown>[], sql?: Sql): Promise<void> {
    if (jobs.length === 0) return;
    await this.#boss.complete(queue, attempts(jobs), null, sql ? { db: asBoss(sql) } : {});
  }

  /** Hands jobs back after an error; they come again with backoff, or become dead letters. */
  async fail(queue: string, jobs: readonly FetchedJob<unknown>[], error: unknown): Promise<void> {
    if (jobs.length === 0) return;
    const message = error instanceof Error ? error.message : String(error);
    await this.#boss.fail(queue, attempts(jobs), { message });
  }

  /** Says that the jobs are still being worked on. */
  async touch(queue: string, jobs: readonly FetchedJob<unknown>[]): Promise<void> {
    if (jobs.length > 0) await this.#boss.touch(queue, attempts(jobs));
  }

  /** Registers a consumer in this process to be woken; returns how to unregister. */
  onWake(queue: string, wake: () => void): () => void {
    const wakers = this.#localWakers.get(queue) ?? new Set();
    this.#localWakers.set(queue, wakers);
    wakers.add(wake);
    return () => wakers.delete(wake);
  }

  /** Wakes this process's consumers of a queue. */
  wakeLocal(queue: string): void {
    for (const wake of this.#localWakers.get(queue) ?? []) wake();
  }

  /**
   * Wakes consumers everywhere after a commit. Other processes are notified at most 40 times a
   * second and queue: NOTIFY serialises commits, and one of them is enough to set a worker going.
   */
  wake(queue: string): void {
    this.wakeLocal(queue);
    const now = performance.now();
    if (now - (this.#notifiedAt.get(queue) ?? Number.NEGATIVE_INFINITY) < 25) return;
    this.#notifiedAt.set(queue, now);
    const notified: Promise<void> = notifyWake(this.#database, queue)
      .catch(() => {})
      .finally(() => this.#notifying.delete(notified));
    this.#notifying.add(notified);
  }

  /** As `wake`, from inside a transaction of the caller's: heard at its commit. */
  async wakeAtCommit(sql: Sql, queue: string): Promise<void> {
    await notifyWake(sql, queue);
  }

  /** Jobs that gave up, by the queue they came from. */
  async deadJobs(
    limit: number,
  ): Promise<{ id: string; queue: string; data: object; error: string; date: Date }[]> {
    const jobs = await this.#boss.findJobs<object>(DEAD_LETTER_QUEUE, { queued: true });
    return jobs.slice(0, limit).map((job) => ({
      id: job.id,
      queue: job.sourceName ?? '',
      data: job.data,
      error: String((job.sourceOutput as { message?: string } | null)?.message ?? 'its worker died'),
      date: job.createdOn,
    }));
  }

  /** Moves jobs that gave up back to their queues. Returns how many. */
  async redriveJobs(ids?: readonly string[]): Promise<number> {
    return this.#boss.redrive(DEAD_LETTER_QUEUE, ids ? { ids: [...ids] } : {});
  }
}

function attempts(jobs: readonly FetchedJob<unknown>[]): { id: string; retryCount: number }[] {
  return jobs.map(({ id, retryCount }) => ({ id, retryCount }));
}

/** Our way to issue SQL in the shape pg-boss takes. */
function asBoss(sql: Sql) {
  return {
    executeSql: async (text: string, values?: unknown[]) => ({ rows: await sql.query(text, values ?? []) }),
  };
}

/** Makes pg-boss's tables and the queues that do not belong to a backend; part of `textyard migrate`. */
export async function installJobTables(database: Database): Promise<void> {
  const boss = new PgBoss({ db: asBoss(database), schedule: false, supervise: false });
  boss.on('error', () => {});
  await boss.start();
  if (!(await boss.getQueue(DEAD_LETTER_QUEUE))) {
    await boss.createQueue(DEAD_LETTER_QUEUE, {
      retentionSeconds: TEN_YEARS,
      deleteAfterSeconds: QUEUE_OPTIONS.deleteAfterSeconds,
    });
  }
  if (!(await boss.getQueue(INBOUND_QUEUE))) await boss.createQueue(INBOUND_QUEUE, QUEUE_OPTIONS);
  await boss.stop({ graceful: false, close: false });
}
