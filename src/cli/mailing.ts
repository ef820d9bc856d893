import { accessSync, constants, createReadStream, statSync } from 'node:fs';
import type { Settings } from '../config/settings.ts';
import { TextyardError } from '../errors.ts';
import { compileTemplate } from '../router/template.ts';
import { segmentsOf } from '../sms/segments.ts';
import type { BadLines } from './bad-lines.ts';
import { UsageError } from './failures.ts';
import type { CommonOptions } from './options.ts';
import { showProgress } from './progress.ts';
import { plural } from './terminal.ts';

/** What `textyard send` is told. */
export interface SendCommandOptions extends CommonOptions {
  backend?: string;
  to?: string[];
  csv?: string;
  column?: string;
  text: string;
  at?: Date;
  validFor?: number;
  priority?: number;
  idempotencyKey?: string;
  strict?: boolean;
  dryRun?: boolean;
  problems?: string;
}

/** The backend to send by: the one named, or the only one there is. */
export function backendOf(options: SendCommandOptions, settings: Settings): string {
  if (options.backend !== undefined) return options.backend;
  const names = [...settings.backends.keys()];
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  throw new UsageError(`--backend: there are several, name one of them: ${names.join(', ')}`);
}

/** The recipients of one call as a stream, with their texts, and what was seen on the way. */
export class Mailing {
  /** The text of the message; with placeholders, as written. */
  readonly text: string;
  readonly segments = { least: Number.POSITIVE_INFINITY, most: 0 };
  readonly #options: SendCommandOptions;
  readonly #backend: string;
  readonly #bad: BadLines;
  readonly #template: ReturnType<typeof compileTemplate>;

  /** @throws TextyardError for a text whose braces do not match, or that has names to fill in but no file */
  constructor(options: SendCommandOptions, backend: string, bad: BadLines) {
    this.#options = options;
    this.#backend = backend;
    this.#bad = bad;
    this.#template = compileTemplate(options.text);
    const [name] = this.#template.placeholders;
    if (name !== undefined && options.csv === undefined) {
      throw new TextyardError(
        'invalid',
        `text: {${name}} is filled in from a CSV file; use --csv, or write {{${name}}} for the braces`,
        { field: 'text' },
      );
    }
    this.text = name === undefined ? this.#template.render({}) : options.text;
  }

  /** Whether each recipient gets a text of their own. */
  get isPersonal(): boolean {
    return this.#template.placeholders.length > 0;
  }

  /**
   * Recipient after recipient, no faster than they are taken. Strict: throws at the end when any
   * was bad, so that all of them are told and nothing is committed.
   */
  async *recipients(): AsyncGenerator<{ backend: string; identity: string; line: number; text?: string }> {
    const { csv, to, strict } = this.#options;
    const common = segmentsOf(this.text).segments;
    let rows = 0;
    if (csv !== undefined) {
      for await (const recipient of this.#fromCsv(csv, common)) {
        rows += 1;
        yield recipient;
      }
      if (rows === 0 && this.#bad.count > 0) {
        throw invalid(`recipients: ${linesAre(this.#bad.count)} bad and none is good; nothing was sent`);
      }
    }
    for (const [index, identity] of (to ?? []).entries()) {
      this.#count(common);
      yield { backend: this.#backend, identity, line: index + 1 };
    }
    if (strict && this.#bad.count > 0) {
      throw invalid(`recipients: ${linesAre(this.#bad.count)} bad; strict, so nothing was sent`);
    }
  }

  async *#fromCsv(csv: string, common: number) {
    const { readRecipientsCsv } = await import('../router/recipients-csv.ts');
    const { source, size, read } = openCsv(csv);
    const progress = showProgress('recipients', size);
    let rows = 0;
    try {
      const reading = readRecipientsCsv(source, {
        column: this.#options.column,
        requiredColumns: this.#template.placeholders,
        onBad: ({ line, reason }) => this.#bad.add(line, '', reason),
      });
      for await (const { line, identity, values } of reading) {
        rows += 1;
        progress.update(read(), rows);
        const recipient = { backend: this.#backend, identity, line };
        if (!this.isPersonal) {
          this.#count(common);
          yield recipient;
          continue;
        }
        const text = this.#template.render(values);
        this.#count(segmentsOf(text).segments);
        yield { ...recipient, text };
      }
    } finally {
      progress.stop();
    }
  }

  #count(segments: number): void {
    this.segments.least = Math.min(this.segments.least, segments);
    this.segments.most = Math.max(this.segments.most, segments);
  }
}

/** The bytes of a file or of standard input, with how many there are and were read. */
function openCsv(csv: string): {
  source: string | AsyncIterable<Uint8Array>;
  size: number | undefined;
  read: () => number;
} {
  if (csv === '-') return { source: process.stdin, size: undefined, read: () => 0 };
  const size = readableSize(csv);
  // The reader says what is wrong with it.
  if (size === undefined) return { source: csv, size, read: () => 0 };
  const stream = createReadStream(csv, { highWaterMark: 64 * 1024 });
  return { source: stream, size, read: () => stream.bytesRead };
}

/** Bytes of a file that may be read; undefined for anything else. */
function readableSize(path: string): number | undefined {
  try {
    accessSync(path, constants.R_OK);
    const stat = statSync(path);
    return stat.isFile() ? stat.size : undefined;
  } catch {
    return undefined;
  }
}

function linesAre(lines: number): string {
  return `${plural(lines, 'line')} ${lines === 1 ? 'is' : 'are'}`;
}

function invalid(message: string): TextyardError {
  return new TextyardError('invalid', message, { field: 'recipients' });
}
