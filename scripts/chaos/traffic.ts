import { setTimeout as sleep } from 'node:timers/promises';
import { type Textyard, TextyardError } from '../../src/index.ts';

export interface TrafficOptions {
  readonly backend: string;
  /** Calls of `send` in flight, one recipient each. */
  readonly sends: number;
  /** Calls of `receive` in flight. */
  readonly receives: number;
  /** Milliseconds that each of them rests after a call; 0 unless given. */
  readonly restMs?: number;
}

/** One kind of call: what was promised to its callers. */
class Calls {
  /** Ids whose promise resolved. */
  readonly acknowledged: string[] = [];
  /** What calls were rejected with, and how often. */
  readonly rejections = new Map<string, number>();
  rejected = 0;
  /** Rejections that are not one line for a person, but what a driver said. */
  unclear = 0;
  slowestMs = 0;

  async make(call: () => Promise<{ id: string }>): Promise<boolean> {
    const began = performance.now();
    try {
      this.acknowledged.push((await call()).id);
      return true;
    } catch (error) {
      this.rejected += 1;
      if (!(error instanceof TextyardError)) this.unclear += 1;
      const words = (error as Error).message || String(error);
      this.rejections.set(words, (this.rejections.get(words) ?? 0) + 1);
      return false;
    } finally {
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
    }
  }
}

/**
 * Sends and receives all the time, as an application would that goes on after an error, and keeps
 * what it was promised.
 */
export class Traffic {
  readonly sends = new Calls();
  readonly receives = new Calls();
  readonly #yard: Textyard;
  readonly #options: TrafficOptions;
  readonly #running: Promise<void>[];
  #stopping = false;
  #serial = 0;

  constructor(yard: Textyard, options: TrafficOptions) {
    this.#yard = yard;
    this.#options = options;
    const { backend } = options;
    const send = (n: number) => yard.router.send(`text ${n}`, { backend, identity: `s${n}` });
    const receive = (n: number) =>
      yard.router.receive(`word ${n}`, { backend, identity: `r${n}` }, { externalId: `mo-${n}` });
    this.#running = [
      ...Array.from({ length: options.sends }, () => this.#repeat(this.sends, send)),
      ...Array.from({ length: options.receives }, () => this.#repeat(this.receives, receive)),
    ];
  }

  /** The longest that any call took, in seconds. */
  get slowestSeconds(): number {
    return Math.max(this.sends.slowestMs, this.receives.slowestMs) / 1000;
  }

  /** Makes no further calls, and waits for those under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  /** What callers were told, in one line. */
  summary(): string {
    const one = ({ acknowledged, rejected }: Calls) =>
      `${acknowledged.length} acknowledged, ${rejected} rejected`;
    return `send ${one(this.sends)}; receive ${one(this.receives)}`;
  }

  /** What calls were rejected with, most often first. */
  reasons(): string {
    const all = new Map<string, number>();
    for (const { rejections } of [this.sends, this.receives])
      for (const [words, n] of rejections) all.set(words, (all.get(words) ?? 0) + n);
    const sorted = [...all].toSorted((a, b) => b[1] - a[1]);
    return sorted.map(([words, n]) => `${n} × ${words}`).join(', ') || 'none rejected';
  }

  async #repeat(calls: Calls, call: (n: number) => Promise<{ id: string }>): Promise<void> {
    while (!this.#stopping) {
      const accepted = await calls.make(() => call(this.#serial++));
      // A rejected caller waits a moment, as a person or a provider would.
      const restMs = accepted ? (this.#options.restMs ?? 0) : 100;
      if (restMs > 0) await sleep(restMs);
    }
  }

  /** The yard it goes through. */
  get yard(): Textyard {
    return this.#yard;
  }
}
