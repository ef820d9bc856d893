/**
 * Chance that does not depend on the order of calls: each number is computed from what it is
 * about, not drawn from a sequence. So the same run can be repeated with other batches, other
 * concurrency, or after a crash.
 */

/** What a number is drawn for; one purpose never moves another's numbers. */
export type Purpose =
  | 'fate'
  | 'latency'
  | 'receipt'
  | 'receiptDelay'
  | 'sentReceiptDelay'
  | 'duplicate'
  | 'garbage'
  | 'replies'
  | 'replyText'
  | 'replyDelay';

const PURPOSE_SALT: Record<Purpose, number> = {
  fate: 0x9e3779b1,
  latency: 0x85ebca6b,
  receipt: 0xc2b2ae35,
  receiptDelay: 0x27d4eb2f,
  sentReceiptDelay: 0x165667b1,
  duplicate: 0xd3a2646c,
  garbage: 0xfd7046c5,
  replies: 0xb55a4f09,
  replyText: 0x2545f491,
  replyDelay: 0x94d049bb,
};

/** A number in [0, 1) that is always the same for the same arguments. */
export type Chance = (purpose: Purpose, identity: string, attempt: number) => number;

/**
 * @param seed an unsigned 32-bit integer
 * @returns FNV-1a over the identity, finished with MurmurHash3's mixer: even, and a few dozen
 *   nanoseconds a call; not for cryptography
 */
export function seededChance(seed: number): Chance {
  return (purpose, identity, attempt) => {
    let hash = (0x811c9dc5 ^ seed) >>> 0;
    for (let at = 0; at < identity.length; at++) {
      hash = Math.imul(hash ^ identity.charCodeAt(at), 0x01000193);
    }
    hash = mix(hash ^ Math.imul(attempt, 0x9e3779b1));
    return mix(hash ^ PURPOSE_SALT[purpose]) / 0x1_0000_0000;
  };
}

function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Mean ± spread in milliseconds for a number in [0, 1), never below 0. */
export function spreadOut(time: { mean: number; spread: number }, random: number): number {
  return Math.max(0, time.mean + (random * 2 - 1) * time.spread);
}
