/**
 * Things to do later, in bulk: what falls due within the same few milliseconds is done in one
 * call, so that 100,000 receipts need hundreds of timers and not 100,000.
 */
export class Agenda<T> {
  readonly #tickMs: number;
  readonly #work: (due: T[]) => Promise<void>;
  readonly #buckets = new Map<number, { items: T[]; timer: NodeJS.Timeout }>();
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  /** @param work is called with all that fell due in one tick; it handles its own errors */
  constructor(work: (due: T[]) => Promise<void>, tickMs = 5) {
    this.#work = work;
    this.#tickMs = tickMs;
  }

  /** Things not done yet. */
  get pending(): number {
    let count = 0;
    for (const bucket of this.#buckets.values()) count += bucket.items.length;
    return count;
  }

  /** Does nothing once closed. */
  add(item: T, delayMs: number): void {
    if (this.#closed) return;
    const tick = Math.ceil((performance.now() + delayMs) / this.#tickMs);
    const bucket = this.#buckets.get(tick);
    if (bucket !== undefined) {
      bucket.items.push(item);
      return;
    }
    const timer = setTimeout(() => this.#run(tick), delayMs);
    this.#buckets.set(tick, { items: [item], timer });
  }

  /** Drops what is pending, or does it at once; resolves when nothing runs any more. */
  async close(pending: 'drop' | 'flush'): Promise<void> {
    this.#closed = true;
    for (const [tick, bucket] of this.#buckets) {
      clearTimeout(bucket.timer);
      if (pending === 'flush') this.#run(tick);
    }
    this.#buckets.clear();
    await Promise.all(this.#running);
  }

  #run(tick: number): void {
    const items = this.#buckets.get(tick)?.items ?? [];
    this.#buckets.delete(tick);
    const running = this.#work(items).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}
