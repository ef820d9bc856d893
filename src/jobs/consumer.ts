import { type FetchedJob, HEARTBEAT_SECONDS, type JobQueue } from './queue.ts';

export interface ConsumerOptions<Data extends object> {
  readonly queue: string;
  /** How many jobs the next fetch takes. */
  readonly fetchSize: () => number;
  /** Fetches being worked on at once. */
  readonly concurrency: number;
  /** Milliseconds between looks when nothing wakes us. */
  readonly pollMs: number;
  /**
   * Works on jobs. Returning completes them, unless the handler did so itself in its own transaction
   * (`'settled'`); throwing hands them back. The signal says: stop now.
   */
  readonly handle: (jobs: FetchedJob<Data>[], signal: AbortSignal) => Promise<'settled' | undefined>;
  readonly onError: (error: unknown, doing: string) => void;
}

const LONGEST_BACKOFF_MS = 10_000;

/**
 * Fetches one queue's jobs and hands them to a handler, several fetches at a time.
 *
 * State: running → (pause ⇄ resume) → stopping → stopped. While paused or at its concurrency
 * nothing is fetched. A wake that comes in during a fetch is remembered, so none is missed; a poll
 * every `pollMs` finds what was delayed or not announced.
 */
export class Consumer<Data extends object> {
  readonly #jobs: JobQueue;
  readonly #options: ConsumerOptions<Data>;
  readonly #active = new Map<string, FetchedJob<Data>>();
  readonly #abort = new AbortController();
  readonly #unregister: () => void;
  #toComplete: FetchedJob<Data>[] = [];
  #completing: Promise<void> | undefined;
  #running = 0;
  #paused = false;
  #stopping = false;
  #woken = false;
  #rouse: (() => void) | undefined;
  #idle: (() => void) | undefined;
  #heartbeat: NodeJS.Timeout;
  readonly #loop: Promise<void>;

  constructor(jobs: JobQueue, options: ConsumerOptions<Data>) {
    this.#jobs = jobs;
    this.#options = options;
    this.#unregister = jobs.onWake(options.queue, () => this.wake());
    this.#heartbeat = setInterval(() => this.#touch(), (HEARTBEAT_SECONDS * 1000) / 3);
    this.#loop = this.#run();
  }

  wake(): void {
    this.#woken = true;
    this.#rouse?.();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.wake();
  }

  /** Fetches nothing more, and resolves when all that is under way has settled. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#loop;
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    while (this.#completing) await this.#completing;
    clearInterval(this.#heartbeat);
    this.#unregister();
  }

  /** Tells what is under way to stop at once; `stop` then resolves soon. */
  abort(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    let backoffMs = 0;
    while (!this.#stopping) {
      this.#woken = false;
      if (this.#paused || this.#running >= this.#options.concurrency) {
        await this.#wait(60_000);
        continue;
      }
      try {
        const jobs = await this.#jobs.fetch<Data>(this.#options.queue, this.#options.fetchSize());
        backoffMs = 0;
        if (jobs.length > 0) this.#work(jobs);
        else await this.#wait(this.#options.pollMs);
      } catch (error) {
        this.#options.onError(error, 'fetching jobs');
        backoffMs = Math.min(Math.max(200, backoffMs * 2), LONGEST_BACKOFF_MS);
        await this.#wait(backoffMs);
      }
    }
  }

  async #wait(ms: number): Promise<void> {
    if (this.#woken || this.#stopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#rouse = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#rouse = undefined;
  }

  #work(jobs: FetchedJob<Data>[]): void {
    this.#running += 1;
    for (const job of jobs) this.#active.set(job.id, job);
    this.#options
      .handle(jobs, this.#abort.signal)
      .then(
        (outcome) => {
          if (outcome !== 'settled') this.#complete(jobs);
        },
        async (error) => {
          this.#options.onError(error, 'working on jobs');
          await this.#jobs.fail(this.#options.queue, jobs, error).catch((failure) => {
            // The database is away too: the heartbeat stops, and the jobs come again.
            this.#options.onError(failure, 'handing jobs back');
          });
        },
      )
      .finally(() => {
        for (const job of jobs) this.#active.delete(job.id);
        this.#running -= 1;
        this.wake();
        if (this.#running === 0) this.#idle?.();
      });
  }

  /** Completes in the background, all that gathered while the last completion was under way at once. */
  #complete(jobs: FetchedJob<Data>[]): void {
    this.#toComplete.push(...jobs);
    this.#completing ??= this.#completeAll().finally(() => {
      this.#completing = undefined;
    });
  }

  async #completeAll(): Promise<void> {
    while (this.#toComplete.length > 0) {
      const jobs = this.#toComplete;
      this.#toComplete = [];
      // A job whose completion is lost comes again and finds nothing left to do.
      await this.#jobs
        .complete(this.#options.queue, jobs)
        .catch((error) => this.#options.onError(error, 'completing jobs'));
    }
  }

  #touch(): void {
    this.#jobs
      .touch(this.#options.queue, [...this.#active.values()])
      .catch((error) => this.#options.onError(error, 'sending heartbeats'));
  }
}
