import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { BackendHooks } from '../backends/backend.ts';
import { Consumer } from '../jobs/consumer.ts';
import {
  INBOUND_QUEUE,
  type InboundJob,
  type JobQueue,
  type OutboundJob,
  outboundQueue,
} from '../jobs/queue.ts';
import type { App } from '../router/app.ts';
import type { AppLog, AppServices } from '../router/app-services.ts';
import type { IncomingMessage, IncomingMessageInit } from '../router/message.ts';
import { startApps, stopApps } from '../router/phases.ts';
import type { Router } from '../router/router.ts';
import { listBackends, pauseBackend } from '../store/backends.ts';
import type { Database } from '../store/database.ts';
import { matchParkedReceipts } from '../store/receipts.ts';
import { deleteOld } from '../store/retention.ts';
import { listenForWake, type WakeListener } from '../store/wake.ts';
import { registerWorker, removeWorker, workersPerBackend } from '../store/workers.ts';
import { InboundHandler } from './inbound.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { RateLimiter } from './limiter.ts';
import { OutboundHandler, type WorkingBackend } from './outbound.ts';
import { ResultRecorder } from './result-recorder.ts';

export interface WorkerOptions {
  readonly database: Database;
  readonly jobs: JobQueue;
  readonly router: Router;
  readonly apps: readonly App[];
  readonly services: AppServices;
  /** The backends this worker sends for. */
  readonly backends: readonly WorkingBackend[];
  /** Whether it takes inbound messages through the apps. */
  readonly inbound: boolean;
  /** Seconds between looks at a queue that nobody announced work for. */
  readonly pollSeconds: number;
  /** Seconds that what is under way may take at shutdown. */
  readonly shutdownSeconds: number;
  /** Hear of new work at once (needs a session of its own: not through PgBouncer in transaction mode). */
  readonly notify: boolean;
  /** Days after which settled traffic is deleted; undefined: never. */
  readonly retentionDays: number | undefined;
  readonly version: string;
  readonly log: AppLog;
  readonly incomingClass?: (new (init: IncomingMessageInit) => IncomingMessage) | undefined;
}

/** Inbound jobs that one fetch takes. */
const INBOUND_FETCH = 10;
/** A worker not seen for this long does not count any more when limits are shared out; seconds. */
const WORKER_SEEN_SECONDS = 15;
/** A parked receipt is looked up every second for this long, then once a minute; seconds. */
const PARKED_SECONDS = 120;

/** One backend of this worker, with what decides whether its queue is fetched. */
interface Line {
  readonly target: WorkingBackend;
  readonly limiter: RateLimiter | undefined;
  readonly consumer: Consumer<OutboundJob>;
  /** The backend says that its own connection is up. */
  ready: boolean;
  /** The backend's row says that it may run. */
  running: boolean;
}

/**
 * Sends for its backends and takes inbound messages through the apps until it is stopped.
 *
 * Life: start → working → stop (nothing new is fetched, what is under way finishes within
 * `shutdownSeconds`, then is told to end) → stopped. Several workers share one database.
 */
export class Worker {
  readonly id = randomUUID();
  readonly #options: WorkerOptions;
  readonly #lines = new Map<string, Line>();
  readonly #giveUp = new AbortController();
  #inbound: Consumer<InboundJob> | undefined;
  #leases: LeaseKeeper | undefined;
  #listener: WakeListener | undefined;
  #timers: NodeJS.Timeout[] = [];
  #stopping: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Opens the backends' lines and begins to fetch. */
  async start(): Promise<void> {
    const { database, jobs, apps, services, backends, log } = this.#options;
    await this.#register();
    await startApps(apps, services);
    const onError = (error: unknown, doing: string) => log.error({ err: error }, `worker: ${doing}`);
    this.#leases = new LeaseKeeper(database, (error) => onError(error, 'renewing leases'));
    const recorder = new ResultRecorder(database, jobs, this.#giveUp.signal, (error) =>
      log.warn({ err: error }, 'the database is away; results are kept until it is back'),
    );
    for (const target of backends) {
      const line = this.#openLine(target, recorder, this.#leases, onError);
      this.#lines.set(target.name, line);
    }
    await this.#readStates();
    // Lines open side by side: one that hangs does not keep the others waiting.
    await Promise.all([...this.#lines.values()].map((line) => this.#startBackend(line)));
    if (this.#options.inbound) this.#inbound = this.#consumeInbound(onError);
    if (this.#options.notify) {
      this.#listener = listenForWake(database.url, (queue) => jobs.wakeLocal(queue));
    }
    this.#every(1_000, 'reading the state of backends', () => this.#readStates());
    this.#every(1_000, 'matching parked receipts', () => matchParkedReceipts(database, PARKED_SECONDS));
    this.#every(60_000, 'matching old receipts', () => matchParkedReceipts(database, 3 * 86_400));
    const { retentionDays } = this.#options;
    if (retentionDays !== undefined) {
      // Soon after the start too: a worker may be started anew more often than that.
      this.#every(3_600_000, 'deleting what is old', () => this.#deleteOld(retentionDays), 60_000);
    }
    this.#every(5_000, 'looking after jobs', () => jobs.supervise());
    this.#every(5_000, 'saying that it lives', () => this.#register());
    log.info(
      { worker: this.id, backends: [...this.#lines.keys()], inbound: this.#options.inbound },
      'worker started',
    );
  }

  /** Finishes what is under way within `shutdownSeconds` and closes all lines. The second call waits for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Ends what is under way now; what was not reported yet becomes unknown. */
  abort(): void {
    this.#giveUp.abort();
    for (const line of this.#lines.values()) line.consumer.abort();
    this.#inbound?.abort();
  }

  async #stop(): Promise<void> {
    const { shutdownSeconds, log, apps, database } = this.#options;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#listener?.close();
    const consumers = [...this.#lines.values()].map((line) => line.consumer.stop());
    if (this.#inbound) consumers.push(this.#inbound.stop());
    const limit = setTimeout(() => {
      log.warn({ shutdownSeconds }, 'calls did not finish in time and are told to end');
      this.abort();
    }, shutdownSeconds * 1000);
    await Promise.all(consumers);
    clearTimeout(limit);
    this.#leases?.stop();
    for (const { target } of this.#lines.values()) {
      await target.backend
        .stop?.()
        .catch((error) => log.error({ err: error, backend: target.name }, 'stop failed'));
    }
    await stopApps(apps, log);
    await removeWorker(database, this.id).catch(() => {});
    log.info({ worker: this.id }, 'worker stopped');
  }

  #openLine(
    target: WorkingBackend,
    recorder: ResultRecorder,
    leases: LeaseKeeper,
    onError: (error: unknown, doing: string) => void,
  ): Line {
    const { database, jobs, log } = this.#options;
    const { segmentsPerSecond, concurrency } = target.policy;
    const limiter = segmentsPerSecond === undefined ? undefined : new RateLimiter(segmentsPerSecond);
    const handler = new OutboundHandler(target, {
      database,
      jobs,
      recorder,
      leases,
      limiter,
      log,
      isPaused: () => !this.#mayRun(target.name),
      pause: async (pause) => {
        log.warn({ backend: target.name, ...pause }, 'backend paused');
        this.#setRunning(target.name, false);
        await pauseBackend(database, target.id, pause.reason, pause.seconds);
      },
    });
    const consumer = new Consumer<OutboundJob>(jobs, {
      queue: outboundQueue(target.name),
      fetchSize: () => handler.fetchSize(),
      // One more than there are calls, so that the next batch is at hand when a call ends.
      concurrency: concurrency + 1,
      pollMs: this.#options.pollSeconds * 1000,
      handle: (fetched, signal) => handler.handle(fetched, signal),
      onError: (error, doing) => onError(error, `${target.name}: ${doing}`),
    });
    // Nothing is fetched before the backend's state is known and its line is open.
    consumer.pause();
    return { target, limiter, consumer, ready: false, running: false };
  }

  async #startBackend(line: Line): Promise<void> {
    const { target } = line;
    const { router, log } = this.#options;
    const hooks: BackendHooks = {
      receive: async ({ identity, text, externalId, receivedAt, fields }) => {
        await router.receive(
          text,
          { backend: target.name, identity },
          {
            ...(externalId === undefined ? {} : { externalId }),
            ...(receivedAt === undefined ? {} : { receivedAt }),
            ...(fields === undefined ? {} : { fields: { ...fields } }),
          },
        );
      },
      receipt: (receipts) => router.receipt(target.name, receipts),
      ready: (isReady, reason) => {
        if (line.ready !== isReady) log.info({ backend: target.name, isReady, reason }, 'line changed');
        line.ready = isReady;
        this.#apply(line);
      },
      log,
    };
    line.ready = true;
    try {
      await target.backend.start?.(hooks);
    } catch (error) {
      // The others go on; this one's work stays queued until the worker is started again.
      line.ready = false;
      log.error({ err: error, backend: target.name }, 'backend could not be started');
    }
    this.#apply(line);
  }

  #consumeInbound(onError: (error: unknown, doing: string) => void): Consumer<InboundJob> {
    const { database, jobs, router, apps, log, incomingClass, pollSeconds } = this.#options;
    const handler = new InboundHandler({ database, jobs, router, apps, log, incomingClass });
    return new Consumer<InboundJob>(jobs, {
      queue: INBOUND_QUEUE,
      fetchSize: () => INBOUND_FETCH,
      concurrency: 2,
      pollMs: pollSeconds * 1000,
      handle: (fetched) => handler.handle(fetched),
      onError: (error, doing) => onError(error, `inbound: ${doing}`),
    });
  }

  #mayRun(name: string): boolean {
    const line = this.#lines.get(name);
    return line?.ready === true && line.running;
  }

  #setRunning(name: string, running: boolean): void {
    const line = this.#lines.get(name);
    if (!line) return;
    line.running = running;
    this.#apply(line);
  }

  #apply(line: Line): void {
    if (line.ready && line.running) line.consumer.resume();
    else line.consumer.pause();
  }

  /** Follows pauses and resumes decided elsewhere, and shares rate limits among the workers alive. */
  async #readStates(): Promise<void> {
    const { database } = this.#options;
    for (const row of await listBackends(database)) this.#setRunning(row.name, row.state === 'running');
    if (![...this.#lines.values()].some((line) => line.limiter)) return;
    const workers = await workersPerBackend(database, WORKER_SEEN_SECONDS);
    for (const { target, limiter } of this.#lines.values()) {
      const share = (target.policy.segmentsPerSecond ?? 0) / Math.max(1, workers.get(target.name) ?? 1);
      limiter?.setRate(share);
    }
  }

  async #deleteOld(days: number): Promise<void> {
    const deleted = await deleteOld(this.#options.database, days, this.#giveUp.signal);
    this.#options.log.info({ days, ...deleted }, 'deleted what is old');
  }

  async #register(): Promise<void> {
    await registerWorker(this.#options.database, {
      id: this.id,
      host: hostname(),
      pid: process.pid,
      version: this.#options.version,
      backends: this.#options.backends.map((backend) => backend.name),
    });
  }

  /** Repeats something, the first time after `firstMs`; one that is still running is not started again. */
  #every(ms: number, doing: string, work: () => Promise<unknown>, firstMs = ms): void {
    let busy = false;
    const run = async () => {
      if (busy) return;
      busy = true;
      try {
        await work();
      } catch (error) {
        this.#options.log.warn({ err: error }, `worker: ${doing}`);
      } finally {
        busy = false;
      }
    };
    if (firstMs < ms) this.#timers.push(setTimeout(run, firstMs));
    this.#timers.push(setInterval(run, ms));
  }
}
