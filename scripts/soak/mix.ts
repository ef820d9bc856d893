import type { Backends } from '../chaos/lines.ts';

/** The shares of the traffic, by transmissions. A reply comes with each inbound text. */
export const MIX = { bulk: 0.6, lone: 0.2, inbound: 0.1 };

/** An operator that takes 20 ms, and reports half of what it took as delivered. */
export const BACKENDS: Backends = {
  line: {
    type: 'simulator',
    identities: 'any',
    latencyMs: { mean: 20, spread: 10 },
    receipts: { deliveredShare: 0.5, delayMs: { mean: 500, spread: 400 } },
    ledger: { keep: 0 },
  },
};

/** What the application is told. */
export type ApplicationOrder =
  /** As fast as it goes, for finding the maximum. */
  | { readonly kind: 'full' }
  /** So many transmissions a second, inbound ones and replies included. */
  | { readonly kind: 'rate'; readonly perSecond: number }
  | { readonly kind: 'stop' };

/** What the application tells, once a second. */
export interface ApplicationNews {
  readonly rssMb: number;
  /** Milliseconds that each lone send took since the last news. */
  readonly loneMs: readonly number[];
  /** Calls rejected so far. */
  readonly rejected: number;
  /** Whether all it was told to stop has ended. */
  readonly stopped: boolean;
}
