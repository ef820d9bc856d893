import { createRequire } from 'node:module';

/** Text cells; right-aligned columns are named by their index. */
export interface TableOptions {
  right?: readonly number[];
}

type Cell = string | number | null | undefined;

/** Prints one JSON value to standard output. */
export function printJson(value: unknown, indent: 0 | 2 = 2): void {
  const text = JSON.stringify(value, (_key, one) => (typeof one === 'bigint' ? one.toString() : one), indent);
  process.stdout.write(`${text}\n`);
}

/** Prints a line for people to standard output. */
export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Says something to the person at the terminal, beside the results. */
export function note(line: string): void {
  process.stderr.write(`textyard: ${line}\n`);
}

/** A table with a heading, without colours: it also goes into files and tickets. */
export function table(head: readonly string[], rows: readonly Cell[][], options: TableOptions = {}): string {
  const Table = createRequire(import.meta.url)('cli-table3') as typeof import('cli-table3');
  const right = options.right ?? head.flatMap((_, index) => (isNumeric(rows, index) ? [index] : []));
  const made = new Table({
    head: [...head],
    chars: RULES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    colAligns: head.map((_, index) => (right.includes(index) ? 'right' : 'left')),
  });
  for (const row of rows) made.push(row.map((cell) => show(cell)));
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const RULES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

function isNumeric(rows: readonly Cell[][], index: number): boolean {
  return rows.length > 0 && rows.every((row) => row[index] == null || typeof row[index] === 'number');
}

function show(cell: Cell): string {
  if (cell === null || cell === undefined || cell === '') return '-';
  return typeof cell === 'number' ? count(cell) : cell;
}

/** 12,345 */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 message`, `2 messages` */
export function plural(value: number, one: string, several = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : several}`;
}

/** 2026-12-01 09:30:05, local time */
export function time(date: Date | null | undefined): string {
  if (!date) return '';
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** 45 s, 3 min, 2.5 h, 4 d */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 360) / 10} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** At most `length` characters of one line; control characters cannot reach the terminal. */
export function oneLine(text: string, length: number): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
