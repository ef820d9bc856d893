/** Status letters of messages and transmissions; the same letters RapidSMS uses. */
export type Status = 'Q' | 'P' | 'R' | 'S' | 'D' | 'E';

export const STATUS_NAMES: Record<Status, string> = {
  Q: 'queued',
  P: 'processing',
  R: 'received',
  S: 'sent',
  D: 'delivered',
  E: 'errored',
};

/** How far along an outbound transmission is; a receipt may only move it to a higher rank. */
const OUTBOUND_RANK: Record<Status, number> = { Q: 0, P: 1, R: 1, S: 2, E: 3, D: 4 };

/**
 * Whether a receipt may change `from` into `to`. Delivered is final; an error after `sent` is
 * believed, a `sent` after either is late and changes nothing. `delivered` after an error is
 * believed too: providers report a passing failure and then succeed.
 */
export function mayAdvance(from: Status, to: Status): boolean {
  return OUTBOUND_RANK[to] > OUTBOUND_RANK[from];
}

/** How many of a message's transmissions stand where. */
export interface StatusCounts {
  recipients: number;
  sent: number;
  delivered: number;
  errored: number;
}

/**
 * The status of an outbound message from the counts of its transmissions, by RapidSMS's rule:
 * any errored makes it `E`; else any not yet sent `P`; else any not yet delivered `S`; else `D`.
 * `sent` counts transmissions in `S` (not those already delivered).
 */
export function outboundStatus(counts: StatusCounts): Status {
  if (counts.errored > 0) return 'E';
  if (counts.sent + counts.delivered < counts.recipients) return 'P';
  return counts.delivered < counts.recipients ? 'S' : 'D';
}
