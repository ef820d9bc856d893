import type { JobQueue } from '../jobs/queue.ts';
import { scatteredJobs } from '../router/batch-jobs.ts';
import { type Database, isOutage } from '../store/database.ts';
import { recordOutcomes, type TransmissionOutcome } from '../store/results.ts';
import type { Sql } from '../store/sql.ts';
import { sleep } from './limiter.ts';

/** An outcome with what is needed to queue it again. */
export interface Recorded {
  readonly outcome: TransmissionOutcome;
  readonly backendName: string;
  readonly batchSize: number;
  readonly priority: number;
}

interface Waiting {
  readonly records: readonly Recorded[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Results older than this, or as many as this, are written at once: what a crash can leave unknown. */
export const FLUSH_MS = 50;
export const FLUSH_RESULTS = 200;
/** Results written by one statement at the most. */
const MOST_AT_ONCE = 2_000;

/**
 * Writes results in bulk: as soon as the connection is free when there are `FLUSH_RESULTS` of them
 * or somebody waits for them, else within `FLUSH_MS`. The jobs of the next tries are queued in the
 * same commit.
 */
export class ResultRecorder {
  readonly #database: Database;
  readonly #jobs: JobQueue;
  readonly #giveUp: AbortSignal;
  readonly #onOutage: (error: unknown) => void;
  #waiting: Waiting[] = [];
  #gathered = 0;
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param giveUp aborted when the process must end even though the database is away */
  constructor(database: Database, jobs: JobQueue, giveUp: AbortSignal, onOutage: (error: unknown) => void) {
    this.#database = database;
    this.#jobs = jobs;
    this.#giveUp = giveUp;
    this.#onOutage = onOutage;
  }

  /** Resolves when the records are committed. @param urgent somebody waits: do not wait for more */
  record(records: readonly Recorded[], urgent = false): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, resolve, reject });
      this.#gathered += records.length;
      if (urgent || this.#gathered >= FLUSH_RESULTS) this.#flush();
      else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
    });
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
      // What came between the last look and now.
      if (this.#waiting.length > 0) this.#flush();
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group: Waiting[] = [];
      let size = 0;
      while (this.#waiting.length > 0 && size < MOST_AT_ONCE) {
        const next = this.#waiting.shift() as Waiting;
        group.push(next);
        size += next.records.length;
      }
      this.#gathered -= size;
      await this.#write(group);
    }
  }

  async #write(group: Waiting[]): Promise<void> {
    const records = group.flatMap((call) => call.records);
    try {
      await this.#persist(records);
      for (const call of group) call.resolve();
    } catch (error) {
      // One bad row must not lose the others' results: they cannot be asked for again.
      if (group.length === 1) {
        group[0]?.reject(error);
        return;
      }
      for (const call of group) await this.#write([call]);
    }
  }

  /** Results are kept and tried again while the database is away: what was sent must not be forgotten. */
  async #persist(records: readonly Recorded[]): Promise<void> {
    for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2_000)) {
      try {
        return await this.#commit(records);
      } catch (error) {
        if (!isOutage(error) || this.#giveUp.aborted) throw error;
        this.#onOutage(error);
        await sleep(waitMs, this.#giveUp);
      }
    }
  }

  async #commit(records: readonly Recorded[]): Promise<void> {
    const outcomes = records.map((record) => record.outcome);
    const again = records.filter((record) => record.outcome.retrySeconds !== undefined);
    const correlated = outcomes.some((outcome) => outcome.correlate && outcome.externalId !== undefined);
    if (again.length === 0 && !correlated) {
      await recordOutcomes(this.#database, outcomes);
      return;
    }
    await this.#database.transaction(async (sql) => {
      await recordOutcomes(sql, outcomes);
      await this.#queueAgain(sql, again);
    });
  }

  /** Groups what is to be tried again by backend, priority and second, so that retries stay batches. */
  async #queueAgain(sql: Sql, records: readonly Recorded[]): Promise<void> {
    const groups = new Map<string, Recorded[]>();
    for (const record of records) {
      const key = `${record.backendName} ${record.priority} ${Math.ceil(record.outcome.retrySeconds ?? 0)}`;
      const group = groups.get(key);
      if (group) group.push(record);
      else groups.set(key, [record]);
    }
    for (const group of groups.values()) {
      const [first] = group;
      if (!first) continue;
      const ids = group.map((record) => record.outcome.id);
      const jobs = scatteredJobs(ids, first.batchSize, first.priority);
      // Not before the last of the group is due, or the claim would leave it behind.
      const due = Math.max(...group.map((record) => record.outcome.retrySeconds ?? 0));
      await this.#jobs.enqueueOutbound(sql, first.backendName, jobs, due);
    }
  }
}
