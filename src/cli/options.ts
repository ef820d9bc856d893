import { type Command, InvalidArgumentError } from 'commander';

/** Options that every command has. */
export interface CommonOptions {
  json?: boolean;
  config?: string;
}

/** Adds `--json` and `--config`. @param config what is read without the option */
export function withCommonOptions(
  command: Command,
  config = 'textyard.config.ts in the working directory',
): Command {
  return command
    .option('--json', 'print machine-readable JSON on standard output, and nothing else')
    .option('--config <file>', `the config file (default: ${config})`);
}

/** Adds examples below the help. */
export function withExamples(command: Command, ...examples: string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
}

/** For options that may be given several times. */
export function collect(value: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}

/** `a,b` or `a b`; may be repeated. */
export function commaList(value: string, earlier: string[] | undefined): string[] {
  const names = value.split(/[\s,]+/).filter((name) => name !== '');
  if (names.length === 0) throw new InvalidArgumentError('Give names, separated by commas.');
  return [...(earlier ?? []), ...names];
}

export function positiveNumber(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number <= 0) {
    throw new InvalidArgumentError('Give a number above 0.');
  }
  return number;
}

export function wholeNumber(value: string): number {
  if (!/^[+-]?\d{1,9}$/.test(value.trim())) throw new InvalidArgumentError('Give a whole number.');
  return Number(value);
}

export function positiveInteger(value: string): number {
  const number = wholeNumber(value);
  if (number < 1) throw new InvalidArgumentError('Give a whole number above 0.');
  return number;
}

const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;
const AGO = /^(\d+)\s*(s|m|h|d)$/;
const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** An ISO time; without an offset it is taken as local. */
export function isoTime(value: string): Date {
  const date = new Date(value);
  if (!ISO.test(value) || Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError('Give an ISO time such as 2026-12-01T09:00:00Z.');
  }
  return date;
}

/** An ISO time, or how long ago, such as `90m`, `24h` or `7d`. */
export function sinceTime(value: string): Date {
  const ago = AGO.exec(value.trim());
  if (ago) return new Date(Date.now() - Number(ago[1]) * 1000 * (UNIT_SECONDS[ago[2] ?? 's'] ?? 1));
  if (ISO.test(value) && !Number.isNaN(Date.parse(value))) return new Date(value);
  throw new InvalidArgumentError(
    'Give an ISO time such as 2026-12-01T09:00:00Z, or how long ago: 90m, 24h, 7d.',
  );
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function messageId(value: string): string {
  if (!UUID.test(value))
    throw new InvalidArgumentError('It is no id; ids look like 01938f6e-....-7...-....-............');
  return value.toLowerCase();
}

/** As `commaList`, of ids. */
export function idList(value: string, earlier: string[] | undefined): string[] {
  return commaList(value, earlier).map(messageId);
}
