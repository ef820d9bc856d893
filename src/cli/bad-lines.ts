import { createWriteStream, type WriteStream } from 'node:fs';
import { TextyardError } from '../errors.ts';
import { count, note, oneLine } from './terminal.ts';

/** How many bad lines are named on the terminal. */
const SHOWN = 20;
/** And in the JSON. */
const KEPT = 1_000;

export interface BadLine {
  readonly line: number;
  readonly identity: string;
  readonly problem: string;
}

/** Gathers bad lines: all go to the `--problems` file as they come, the first to the terminal. */
export class BadLines {
  count = 0;
  readonly first: BadLine[] = [];
  readonly #path: string | undefined;
  #file: WriteStream | undefined;
  #failure: Error | undefined;
  #told = false;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  readonly add = (line: number, identity: string, problem: string): void => {
    this.count += 1;
    if (this.first.length < KEPT) this.first.push({ line, identity, problem });
    if (this.#path === undefined) return;
    if (!this.#file) {
      this.#file = createWriteStream(this.#path, { mode: 0o600 });
      this.#file.on('error', (error) => {
        this.#failure = error;
      });
      this.#file.write('line,identity,problem\n');
    }
    this.#file.write(`${line},${quoted(identity)},${quoted(problem)}\n`);
  };

  /** Names the first bad lines on standard error, then how many more there are. */
  tell(): void {
    if (this.#told) return;
    this.#told = true;
    const shown = [...this.first].slice(0, SHOWN);
    for (const { line, identity, problem } of shown) {
      const who = identity === '' || problem.includes(identity) ? '' : `${oneLine(identity, 40)}: `;
      note(`line ${line}: ${who}${oneLine(problem, 200)}`);
    }
    const more = this.count - shown.length;
    if (more > 0) {
      const where = this.#path === undefined ? '--problems FILE writes them all' : `all are in ${this.#path}`;
      note(`and ${count(more)} more bad lines (${where})`);
    }
  }

  /** Tells what was not told yet, and closes the file. @throws TextyardError when it could not be written */
  async close(): Promise<void> {
    this.tell();
    const file = this.#file;
    if (file && !file.destroyed) await new Promise<void>((resolve) => file.end(() => resolve()));
    if (this.#failure) {
      throw new TextyardError('invalid', `--problems ${this.#path}: ${this.#failure.message}`, {
        field: 'problems',
      });
    }
  }
}

/** As CSV wants it; a cell that a spreadsheet would take for a formula is kept from being one. */
function quoted(cell: string): string {
  const safe = /^[=+\-@\t]/.test(cell) && !/^\+?[\d\s().-]+$/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
