/**
 * Lets through at most `perSecond` units a second on average, with bursts of up to one second's
 * worth. Larger requests wait their time and go through whole.
 */
export class RateLimiter {
  #perSecond: number;
  #tokens: number;
  #updated: number;
  readonly #now: () => number;
  #queue: Promise<void> = Promise.resolve();

  /** @param now milliseconds of a monotonic clock */
  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#tokens = Math.max(1, perSecond);
    this.#now = now;
    this.#updated = now();
  }

  /** Changes the rate, as when another worker joins and the limit is shared anew. */
  setRate(perSecond: number): void {
    this.#refill();
    this.#perSecond = perSecond;
  }

  /** Resolves when `units` may pass; in the order of the calls. @returns false when the signal aborted the wait */
  take(units: number, signal: AbortSignal): Promise<boolean> {
    const turn = this.#queue.then(() => this.#wait(units, signal));
    this.#queue = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  async #wait(units: number, signal: AbortSignal): Promise<boolean> {
    this.#refill();
    while (this.#tokens < Math.min(units, Math.max(1, this.#perSecond))) {
      if (signal.aborted) return false;
      const missing = Math.min(units, Math.max(1, this.#perSecond)) - this.#tokens;
      await sleep(Math.min(1_000, (missing / this.#perSecond) * 1000 + 1), signal);
      this.#refill();
    }
    // A request larger than the burst goes into debt, which later ones wait for.
    this.#tokens -= units;
    return true;
  }

  #refill(): void {
    const now = this.#now();
    this.#tokens = Math.min(
      Math.max(1, this.#perSecond),
      this.#tokens + ((now - this.#updated) / 1000) * this.#perSecond,
    );
    this.#updated = now;
  }
}

/** Resolves after `ms`, or at once when the signal aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/** At most `limit` at a time, in the order of the calls. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
