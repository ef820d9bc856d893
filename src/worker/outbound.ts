import type { Backend, OutboundTransmission, SendResult } from '../backends/backend.ts';
import { type BackendPolicy, batchSizeOf } from '../backends/policy.ts';
import type { FetchedJob, JobQueue, OutboundJob } from '../jobs/queue.ts';
import type { AppLog } from '../router/app-services.ts';
import { type ClaimedTransmission, claimTransmissions } from '../store/claim.ts';
import type { Database } from '../store/database.ts';
import { uuid7 } from '../store/uuid7.ts';
import { checkedResult } from './checked-result.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { type RateLimiter, Semaphore } from './limiter.ts';
import type { Recorded, ResultRecorder } from './result-recorder.ts';
import { type BackendPause, type Judgement, judge, leftoverResult } from './retry.ts';

/** A backend at work: its row, its settings, and the object that sends. */
export interface WorkingBackend {
  readonly id: number;
  readonly name: string;
  readonly policy: BackendPolicy;
  readonly backend: Backend;
}

export interface OutboundDependencies {
  readonly database: Database;
  readonly jobs: JobQueue;
  readonly recorder: ResultRecorder;
  readonly leases: LeaseKeeper;
  readonly limiter: RateLimiter | undefined;
  readonly log: AppLog;
  /** Called when the provider's answer concerns the whole backend. */
  readonly pause: (pause: BackendPause) => Promise<void>;
  /** Whether the backend may be called now. */
  readonly isPaused: () => boolean;
}

/** How long jobs that were fetched but not begun are put off when the backend pauses, in seconds. */
const PUT_OFF_SECONDS = 1;

/** Jobs that one fetch takes at the most. */
const MOST_JOBS = 50;

/** A piece of work for one call of a backend: one or more jobs, up to the batch size. */
type Unit = FetchedJob<OutboundJob>[];

/**
 * Sends one backend's jobs: claim and commit, call the backend, write each result as it comes.
 * Never is a transaction open while the provider is called.
 */
export class OutboundHandler {
  readonly #target: WorkingBackend;
  readonly #deps: OutboundDependencies;
  readonly #calls: Semaphore;
  /** Transmissions that the latest jobs carried, on average. */
  #jobSize: number;

  constructor(target: WorkingBackend, deps: OutboundDependencies) {
    this.#target = target;
    this.#deps = deps;
    this.#calls = new Semaphore(target.policy.concurrency);
    this.#jobSize = batchSizeOf(target.policy);
  }

  /**
   * Jobs that the next fetch should take: as many small ones as make a batch, one of a full one.
   * What is fetched cannot be overtaken by a reply any more, so never more than that.
   */
  fetchSize(): number {
    const wanted = Math.ceil(batchSizeOf(this.#target.policy) / Math.max(1, this.#jobSize));
    return Math.min(wanted, MOST_JOBS);
  }

  /** Works on jobs; when it returns, every transmission of theirs is written, or queued again. */
  async handle(jobs: FetchedJob<OutboundJob>[], stop: AbortSignal): Promise<undefined> {
    for (const job of jobs) this.#jobSize += (job.data.count - this.#jobSize) / 4;
    // A fetch takes the most urgent jobs, but gives them in any order.
    jobs.sort((a, b) => b.data.priority - a.data.priority || (a.id < b.id ? -1 : 1));
    const units = intoUnits(jobs, batchSizeOf(this.#target.policy));
    const settled = await Promise.allSettled(
      units.map((unit) => this.#calls.run(() => this.#work(unit, stop))),
    );
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    return undefined;
  }

  async #work(unit: Unit, stop: AbortSignal): Promise<void> {
    const { limiter, isPaused, database } = this.#deps;
    const { policy, id, name } = this.#target;
    const expected = unit.reduce((sum, job) => sum + job.data.count, 0);
    if (isPaused() || stop.aborted || (limiter && !(await limiter.take(expected, stop))) || isPaused()) {
      await this.#putOff(unit, PUT_OFF_SECONDS);
      return;
    }
    const token = uuid7();
    const claim = await claimTransmissions(database, {
      backendId: id,
      backendName: name,
      ranges: unit.flatMap((job) => job.data.ranges),
      count: expected,
      mostPerRange: Math.max(...unit.map(({ data }) => (data.ranges.length === 1 ? data.count : 1))),
      token,
      leaseSeconds: policy.leaseSeconds,
      onUnknown: policy.onUnknown,
    });
    // Somebody's lease still runs, most likely a dead worker's: look again when it has ended.
    if (claim.heldSeconds > 0) await this.#putOff(unit, claim.heldSeconds + 0.1);
    if (claim.transmissions.length === 0) return;
    // The limiter was charged one segment each before the texts were known.
    const segments = claim.transmissions.reduce((sum, transmission) => sum + transmission.segments, 0);
    if (limiter && segments > expected) await limiter.take(segments - expected, stop);
    await this.#send(token, claim.transmissions, stop);
  }

  async #send(token: string, claimed: ClaimedTransmission[], stop: AbortSignal): Promise<void> {
    const { policy, backend } = this.#target;
    const call = new Call(this.#target, this.#deps, token, claimed);
    const release = this.#deps.leases.hold(token, claimed, policy.leaseSeconds);
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(new Error('timed out')), policy.timeoutMs);
    const signal = AbortSignal.any([stop, timeout.signal]);
    try {
      const now = Date.now();
      const transmissions = claimed.filter((one) => call.stillValid(one, now)).map(asHandedOver);
      if (transmissions.length > 0) {
        const sending = backend.send({ id: token, transmissions }, call.report, signal);
        await call.end(sending, signal, policy.timeoutMs);
      }
      await call.settled();
    } finally {
      clearTimeout(timer);
      release();
    }
  }

  /** Queues the same work again for later, in place of these jobs. */
  async #putOff(unit: Unit, seconds: number): Promise<void> {
    await this.#deps.jobs.enqueueOutbound(
      this.#deps.database,
      this.#target.name,
      unit.map((job) => job.data),
      seconds,
    );
  }
}

/** How long a backend that does not heed its signal is waited for, in milliseconds. */
const ABORT_GRACE_MS = 1_000;

/** One call of `backend.send`: takes the reports, and accounts for what was not reported. */
class Call {
  readonly #target: WorkingBackend;
  readonly #deps: OutboundDependencies;
  readonly #token: string;
  readonly #open: Map<string, ClaimedTransmission>;
  readonly #size: number;
  readonly #writes: Promise<void>[] = [];
  #gathered: Recorded[] = [];
  #flushing: NodeJS.Immediate | undefined;
  #pause: BackendPause | undefined;
  #ended = false;

  constructor(
    target: WorkingBackend,
    deps: OutboundDependencies,
    token: string,
    claimed: readonly ClaimedTransmission[],
  ) {
    this.#target = target;
    this.#deps = deps;
    this.#token = token;
    this.#open = new Map(claimed.map((transmission) => [transmission.id, transmission]));
    this.#size = claimed.length;
  }

  /** Given to the backend. What it says twice, late, or of transmissions that are not its own is ignored. */
  readonly report = (result: SendResult): void => {
    const transmission = this.#open.get(result?.transmissionId);
    if (!transmission || this.#ended) {
      this.#deps.log.warn(
        { backend: this.#target.name, transmissionId: result?.transmissionId, late: this.#ended },
        'backend reported a transmission that is not open',
      );
      return;
    }
    this.#open.delete(transmission.id);
    this.#take(judge(checkedResult(result), transmission, this.#token, this.#judged), transmission);
  };

  /** False when its validity ended while it waited for its turn; it is recorded as expired then. */
  stillValid(transmission: ClaimedTransmission, now: number): boolean {
    if (!transmission.validUntil || transmission.validUntil.getTime() > now) return true;
    this.report({
      transmissionId: transmission.id,
      outcome: 'failed',
      code: 'expired',
      message: 'Its validity period ended before it could be sent.',
    });
    return false;
  }

  /** Waits for the call to end, or for its signal; then accounts for what is still open. */
  async end(sending: Promise<void>, signal: AbortSignal, timeoutMs: number): Promise<void> {
    let failure: unknown;
    const aborted = new Promise<never>((_, reject) => {
      const onAbort = () =>
        setTimeout(
          () => reject(new Error(`did not end within ${timeoutMs} ms, nor when told to`)),
          ABORT_GRACE_MS,
        );
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
    // Whichever loses the race must not become an unhandled rejection.
    sending.catch(() => {});
    aborted.catch(() => {});
    try {
      await Promise.race([sending, aborted]);
    } catch (error) {
      failure = error;
    }
    for (const transmission of [...this.#open.values()]) {
      this.report(leftoverResult(transmission, failure));
    }
    this.#ended = true;
  }

  /** Resolves when all outcomes are committed. */
  async settled(): Promise<void> {
    this.#flush(true);
    await Promise.all(this.#writes);
    if (this.#pause) await this.#deps.pause(this.#pause);
  }

  get #judged() {
    const { id, policy, backend } = this.#target;
    return { id, policy, correlate: backend.receiptsBy !== 'transmission' };
  }

  #take({ outcome, pause }: Judgement, transmission: ClaimedTransmission): void {
    if (pause) this.#pause ??= pause;
    this.#gathered.push({
      outcome,
      backendName: this.#target.name,
      batchSize: batchSizeOf(this.#target.policy),
      priority: transmission.priority,
    });
    // What is reported in one go is written in one go; the recorder bounds how long it may take.
    this.#flushing ??= setImmediate(() => this.#flush(this.#open.size === 0));
  }

  #flush(urgent: boolean): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#gathered.length === 0) return;
    const write = this.#deps.recorder.record(this.#gathered, urgent || this.#gathered.length === this.#size);
    write.catch(() => {});
    this.#writes.push(write);
    this.#gathered = [];
  }
}

function asHandedOver(claimed: ClaimedTransmission): OutboundTransmission {
  const { inResponseTo, fields, ...rest } = claimed;
  return { ...rest, context: { inResponseTo, fields } };
}

/** Puts small jobs together, up to a batch; the jobs of one unit are sent by one call. */
function intoUnits(jobs: readonly FetchedJob<OutboundJob>[], batchSize: number): Unit[] {
  const units: Unit[] = [];
  let current: Unit = [];
  let size = 0;
  for (const job of jobs) {
    if (current.length > 0 && size + job.data.count > batchSize) {
      units.push(current);
      current = [];
      size = 0;
    }
    current.push(job);
    size += job.data.count;
  }
  if (current.length > 0) units.push(current);
  return units;
}
