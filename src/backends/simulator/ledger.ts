import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { OutboundTransmission } from '../backend.ts';
import { isTaken, type Outcome } from './fate.ts';

/** One handing over, as the operator saw it. */
export interface LedgerEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly id: string;
  readonly identity: string;
  readonly text: string;
  readonly attempt: number;
  readonly outcome: Outcome;
  /** Whether the operator has it: this is what a double send is counted by. */
  readonly taken: boolean;
}

/**
 * What the simulated operator was handed: the other side's view, to be compared with what the
 * tables say. Each batch is written to the file in one call before anything of it is reported, so
 * after a kill -9 the file holds at least all that was reported.
 */
export class Ledger {
  /** Handed over, taken and refused since the start, also when entries are no longer kept. */
  readonly totals = { handedOver: 0, taken: 0, refused: 0 };
  readonly #keep: number;
  readonly #path: string | undefined;
  #file: number | undefined;
  #entries: LedgerEntry[] = [];
  #lines: string[] = [];

  constructor(settings: { keep: number; file?: string | undefined }) {
    this.#keep = settings.keep;
    this.#path = settings.file;
  }

  /** The newest entries (`ledger.keep` of them), oldest first. */
  get entries(): readonly LedgerEntry[] {
    return this.#entries.length > this.#keep ? this.#entries.slice(-this.#keep) : this.#entries;
  }

  /** How often the operator took each transmission, by its id; among the kept entries. */
  counts(): Map<string, number> {
    return countTaken(this.entries);
  }

  /** How often the operator took this transmission; among the kept entries. */
  count(transmissionId: string): number {
    return this.entries.filter((entry) => entry.taken && entry.id === transmissionId).length;
  }

  /** Records one; goes to the file with the next `flush`. */
  add(transmission: OutboundTransmission, outcome: Outcome, at: number): void {
    const taken = isTaken(outcome);
    this.totals.handedOver++;
    if (taken) this.totals.taken++;
    else this.totals.refused++;
    if (this.#keep === 0 && this.#path === undefined) return;
    const { id, identity, text, attempt } = transmission;
    const entry: LedgerEntry = { at, id, identity, text, attempt, outcome, taken };
    if (this.#path !== undefined) this.#lines.push(JSON.stringify(entry));
    if (this.#keep === 0) return;
    this.#entries.push(entry);
    // Cut seldom, so that keeping the newest costs nothing per entry.
    if (this.#entries.length >= this.#keep * 2 + 1_000) this.#entries = this.#entries.slice(-this.#keep);
  }

  flush(): void {
    if (this.#path === undefined || this.#lines.length === 0) return;
    this.#file ??= openSync(this.#path, 'a', 0o600);
    // A write without fsync survives the death of the process, though not of the machine.
    writeSync(this.#file, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  clear(): void {
    this.#entries = [];
    this.totals.handedOver = this.totals.taken = this.totals.refused = 0;
  }

  close(): void {
    this.flush();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** Reads a ledger file, also one whose writer was killed in the middle of a line. */
export function readLedger(path: string): LedgerEntry[] {
  const complete = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return complete.filter((line) => line !== '').map((line) => JSON.parse(line) as LedgerEntry);
}

/** How often each transmission was taken, by its id. */
export function countTaken(entries: Iterable<LedgerEntry>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of entries) {
    if (entry.taken) counts.set(entry.id, (counts.get(entry.id) ?? 0) + 1);
  }
  return counts;
}
