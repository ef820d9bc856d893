import { randomFillSync } from 'node:crypto';

/**
 * Ids of messages and transmissions: UUIDv7 (RFC 9562, section 5.7). The time comes first, so
 * new rows go to the end of the index, and old ones can leave by time partition.
 */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const random = new Uint8Array(4096);
let used = random.length;
let lastMs = 0;
let counter = 0;

function randomByte(): number {
  if (used >= random.length) {
    randomFillSync(random);
    used = 0;
  }
  return random[used++] ?? 0;
}

/** The first 16 hex digits' worth: 48 bits of time, version, 12 bits of counter (RFC 9562, 6.2, method 1). */
function timeAndCounter(): string {
  let now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    counter = randomByte() & 0x7f;
  } else {
    counter += 1;
    if (counter > 0xfff) {
      // More than 4,000 in a millisecond: borrow from the next one, so that order holds.
      lastMs += 1;
      counter = 0;
    }
    now = lastMs;
  }
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}`;
}

/** A new UUIDv7; greater than every one made before it by this process. */
export function uuid7(): string {
  const head = timeAndCounter();
  let tail = HEX[0x80 | (randomByte() & 0x3f)] ?? '';
  for (let i = 0; i < 7; i++) tail += HEX[randomByte()];
  return `${head}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}

/** Ids in a row: `at(0)`, `at(1)` … differ only in their last six hex digits. */
export interface IdRun {
  /** The 30 characters all ids of the run share; SQL appends the ordinal as six hex digits. */
  readonly prefix: string;
  at(ordinal: number): string;
}

/** How many ids a run holds. */
export const ID_RUN_LENGTH = 0x1000000;

/**
 * A run of UUIDv7s counted up in the last 24 bits (RFC 9562, 6.2, method 2), so that the
 * transmissions of a batch are one range of the primary key: a job names a batch by two ids
 * instead of two hundred. The 38 random bits before the count keep other processes' ids out of it.
 */
export function idRun(): IdRun {
  const prefix = uuid7().slice(0, 30);
  return { prefix, at: (ordinal) => prefix + ordinal.toString(16).padStart(6, '0') };
}
