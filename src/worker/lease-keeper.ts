import { renewLeases } from '../store/claim.ts';
import type { Database } from '../store/database.ts';

interface Held {
  readonly token: string;
  readonly ids: readonly string[];
  readonly leaseSeconds: number;
  renewedAt: number;
}

/** Renews the leases of calls that take long, when a third of the lease has passed. */
export class LeaseKeeper {
  readonly #database: Database;
  readonly #onError: (error: unknown) => void;
  readonly #held = new Set<Held>();
  readonly #timer: NodeJS.Timeout;
  #renewing = false;

  constructor(database: Database, onError: (error: unknown) => void) {
    this.#database = database;
    this.#onError = onError;
    this.#timer = setInterval(() => this.#renew(), 300);
  }

  /** Keeps a claim alive until the returned function is called. */
  hold(token: string, transmissions: readonly { id: string }[], leaseSeconds: number): () => void {
    const ids = transmissions.map((transmission) => transmission.id);
    const held: Held = { token, ids, leaseSeconds, renewedAt: performance.now() };
    this.#held.add(held);
    return () => this.#held.delete(held);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #renew(): Promise<void> {
    if (this.#renewing) return;
    const now = performance.now();
    const due = [...this.#held].filter((held) => now - held.renewedAt > (held.leaseSeconds * 1000) / 3);
    if (due.length === 0) return;
    this.#renewing = true;
    try {
      const byLease = Map.groupBy(due, (held) => held.leaseSeconds);
      for (const [leaseSeconds, claims] of byLease) await renewLeases(this.#database, claims, leaseSeconds);
      for (const held of due) held.renewedAt = now;
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#renewing = false;
    }
  }
}
