import type { BackendLog } from '../backends/backend.ts';
import type { ConnectionRef } from './message.ts';

/** The scope of a suppression that holds on every backend. */
export const EVERYWHERE = '*';

/** Who asked not to be texted. The store's implementation is shared by all workers. */
export interface SuppressionList {
  /**
   * Adds a suppression; the same one twice is no error.
   *
   * @param options.scope a backend's name, or {@link EVERYWHERE}
   */
  suppress(identity: string, options: { scope: string; reason: string }): Promise<void>;
  /** Takes one suppression back; those of other scopes stay. */
  lift(identity: string, options: { scope: string }): Promise<void>;
  /** Whether a text to this identity on this backend would be held back, by either scope. */
  isSuppressed(identity: string, options: { backend: string }): Promise<boolean>;
}

/** What phones sent before. It reads the stored messages, so that every worker sees the same past. */
export interface InboundHistory {
  /**
   * How many texts identical to `text`, but for case and surrounding space, came from this
   * connection during the last `sinceSeconds`, not counting `beforeMessageId` and later ones: the answer for a message is then the same on
   * every worker, and at a second try.
   */
  countIdentical(
    connection: ConnectionRef,
    text: string,
    sinceSeconds: number,
    beforeMessageId: string,
  ): Promise<number>;
}

/** The little of a logger that apps and phases need (pino has it). */
export type AppLog = BackendLog;

/** What apps are handed when they start; they know neither the store nor the queue. */
export interface AppServices {
  readonly suppressions: SuppressionList;
  readonly history: InboundHistory;
  readonly log: AppLog;
}
