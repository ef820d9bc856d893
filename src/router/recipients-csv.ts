import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { TextyardError } from '../errors.ts';
import { decodeCsv } from './csv-decoding.ts';

/** Names of the column that holds the number; the first of these that a file has is taken. */
const NUMBER_COLUMNS = [
  'phone',
  'number',
  'mobile',
  'msisdn',
  'to',
  'tel',
  'telephone',
  'phonenumber',
  'identity',
  'cell',
];

/** No line is longer than this: more means that a quote was left open, and would fill the memory. */
const LONGEST_LINE = 256 * 1024;

export interface RecipientRow {
  /** Where the row begins in the file; the header is line 1. */
  readonly line: number;
  /** As it stands in the number column, without surrounding space. */
  readonly identity: string;
  /** All columns of the row by their names in the header. */
  readonly values: Record<string, string>;
}

export interface BadRecipientRow {
  readonly line: number;
  readonly reason: string;
}

export interface RecipientsCsvOptions {
  /** The column with the numbers, when it has none of the usual names. */
  column?: string | undefined;
  /** Columns that every row must fill in, such as those a template uses. */
  requiredColumns?: readonly string[];
  /** Told of each row that is left out. Throw here to stop at the first one. */
  onBad(bad: BadRecipientRow): void | Promise<void>;
}

/**
 * Reads a recipient file of any size, row by row and no faster than the rows are taken.
 *
 * The first line names the columns. Comma, semicolon or tab; UTF-8 or UTF-16 with its mark. Rows
 * that cannot be used go to `onBad` and the rest is read on; a file that is not what it should be
 * ends in a TextyardError naming the line.
 *
 * @param source a path, or the bytes
 */
export async function* readRecipientsCsv(
  source: string | AsyncIterable<Uint8Array | string>,
  options: RecipientsCsvOptions,
): AsyncGenerator<RecipientRow> {
  const text = decodeCsv(typeof source === 'string' ? openFile(source) : source);
  try {
    const start = await readFormat(text);
    let header: Header | undefined;
    for await (const { line, record } of parseRecords(start, text)) {
      if (record.length === 1 && record[0] === '') continue;
      if (header === undefined) {
        header = readHeader(record, line, options);
        continue;
      }
      const row = readRow(record, line, header);
      if ('reason' in row) await options.onBad(row);
      else yield row;
    }
    if (header === undefined) throw emptyFile();
  } finally {
    // Closes the file also when the caller stops half-way.
    await text.return(undefined);
  }
}

interface Format {
  readonly delimiter: string;
  /** The bytes read so far, from the header on. */
  readonly head: Buffer;
  /** How many lines stood before the header. */
  readonly skipped: number;
}

interface ParsedRecord {
  readonly line: number;
  readonly record: string[];
}

interface Header {
  readonly columns: readonly string[];
  readonly number: number;
  readonly required: readonly number[];
}

/** Looks at the header line, as far as it takes, for what separates the columns. */
async function readFormat(text: AsyncGenerator<Buffer>): Promise<Format> {
  let head = Buffer.alloc(0);
  let skipped = 0;
  for (;;) {
    const end = head.findIndex((byte) => byte === 0x0a || byte === 0x0d);
    const next = end === -1 ? await text.next() : undefined;
    if (next !== undefined && !next.done) {
      head = Buffer.concat([head, next.value]);
      if (head.length > LONGEST_LINE && !head.includes(0x0a) && !head.includes(0x0d)) throw lineTooLong(1);
      continue;
    }
    const line = head.toString('utf8', 0, end === -1 ? head.length : end);
    // Excel writes "sep=;" above the header, and reads it too.
    const declared = /^sep=(.)\s*$/i.exec(line)?.[1];
    if (declared === undefined && line.trim() !== '') return { delimiter: sniff(line), head, skipped };
    if (end === -1) throw emptyFile();
    head = head.subarray(end + (head[end] === 0x0d && head[end + 1] === 0x0a ? 2 : 1));
    skipped += 1;
    if (declared !== undefined) return { delimiter: declared, head, skipped };
  }
}

function sniff(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '');
  const count = (delimiter: string) => bare.split(delimiter).length;
  return [',', ';', '\t'].reduce((best, next) => (count(next) > count(best) ? next : best));
}

async function* parseRecords(start: Format, rest: AsyncGenerator<Buffer>): AsyncGenerator<ParsedRecord> {
  let line = start.skipped + 1;
  const parser = parse({
    delimiter: start.delimiter,
    // All three, or a file put together from several would be read as one endless line.
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    trim: true,
    max_record_size: LONGEST_LINE,
    // Blank lines come as records too, so that the lines can be counted here.
    on_record(record: string[]) {
      const parsed: ParsedRecord = { line, record };
      line += 1 + lineBreaks(record);
      // What comes out of the parser is what is returned here; its types know records only.
      return parsed as unknown as string[];
    },
  });
  async function* bytes() {
    yield start.head;
    yield* rest;
  }
  const feeding = pipeline(Readable.from(bytes(), { objectMode: false }), parser);
  // The same error comes out of the loop below.
  feeding.catch(() => {});
  try {
    yield* parser as unknown as AsyncIterable<ParsedRecord>;
  } catch (error) {
    throw error instanceof CsvError ? malformed(error, line) : error;
  } finally {
    parser.destroy();
    await feeding.catch(() => {});
  }
}

function readHeader(cells: readonly string[], line: number, options: RecipientsCsvOptions): Header {
  const columns = cells.map((cell) => cell.trim());
  const names = columns.filter((name) => name !== '');
  if (columns.some((name) => /^\+?\(?\d[\d\s().-]{4,}$/.test(name))) {
    throw refused(
      `line ${line}: "${columns.find((name) => /\d{3}/.test(name))}" looks like a number, not like the name of a column; put a first line above it that names the columns, such as: phone,name`,
    );
  }
  names.forEach((name, index) => {
    const twin = names.slice(0, index).find((earlier) => plain(earlier) === plain(name));
    if (twin !== undefined)
      throw refused(`line ${line}: two columns are called "${name}"; rename one of them`);
  });
  const find = (wanted: string) => columns.findIndex((name) => plain(name) === plain(wanted));
  const listed = names.map((name) => `"${name}"`).join(', ');

  const candidates = options.column === undefined ? NUMBER_COLUMNS : [options.column];
  const number = candidates.map(find).find((index) => index !== -1);
  if (number === undefined) {
    throw options.column === undefined
      ? refused(
          `line ${line}: none of the columns ${listed} is a usual name for the phone number; call one "phone", or say which column it is`,
          'column',
        )
      : refused(`column: there is no column "${options.column}"; the file has ${listed}`, 'column');
  }
  const required = (options.requiredColumns ?? []).map((name) => {
    // Exact, because the rows' values go by the names in the header.
    const index = columns.indexOf(name);
    if (index === -1) throw refused(`{${name}}: there is no column "${name}"; the file has ${listed}`, name);
    return index;
  });
  return { columns, number, required };
}

function readRow(record: readonly string[], line: number, header: Header): RecipientRow | BadRecipientRow {
  const { columns } = header;
  if (record.length !== columns.length) {
    return { line, reason: `has ${cells(record.length)}, but the header has ${cells(columns.length)}` };
  }
  const identity = record[header.number]!;
  if (identity === '') return { line, reason: `has nothing in column "${columns[header.number]}"` };
  if (/^\d([.,]\d+)?E\+?\d+$/i.test(identity)) {
    return {
      line,
      reason: `"${identity}" was rounded by a spreadsheet; format the column as text and export it again`,
    };
  }
  const missing = header.required.find((index) => record[index] === '');
  if (missing !== undefined) return { line, reason: `has nothing in column "${columns[missing]}"` };

  const values: Record<string, string> = {};
  for (let index = 0; index < columns.length; index++) {
    // Spreadsheets add unnamed columns at the end.
    if (columns[index] !== '') values[columns[index]!] = record[index]!;
  }
  return { line, identity, values };
}

/** Line breaks inside quotes. csv-parse's own count takes CR LF for two there. */
function lineBreaks(record: readonly string[]): number {
  let breaks = 0;
  for (const cell of record) {
    if (cell.includes('\n') || cell.includes('\r')) breaks += cell.split(/\r\n|\r|\n/).length - 1;
  }
  return breaks;
}

/** `Phone Number`, `phone_number` and `PhoneNumber` are one name. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[\s_-]+/g, '');
}

function cells(count: number): string {
  return count === 1 ? '1 cell' : `${count} cells`;
}

async function* openFile(path: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path, { highWaterMark: 64 * 1024 });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why = { ENOENT: 'there is no such file', EISDIR: 'it is a folder', EACCES: 'it may not be read' };
    throw refused(
      `${path}: ${why[code as keyof typeof why] ?? (cause as Error).message}`,
      'recipients',
      cause,
    );
  }
}

function malformed(error: CsvError, line: number): TextyardError {
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return refused(`line ${line}: a quote opened here is never closed; close it with "`);
    case 'CSV_MAX_RECORD_SIZE':
      return lineTooLong(line);
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'INVALID_OPENING_QUOTE':
      return refused(
        `line ${line}: has a quote in the middle of a cell; put the cell in quotes and write the quote twice: "say ""hi"""`,
      );
    default:
      return refused(`line ${line}: ${error.message}`, 'recipients', error);
  }
}

function lineTooLong(line: number): TextyardError {
  return refused(`line ${line}: is longer than ${LONGEST_LINE} bytes; was a quote left open?`);
}

function emptyFile(): TextyardError {
  return refused('the file is empty; its first line must name the columns, such as: phone,name');
}

function refused(message: string, field = 'recipients', cause?: unknown): TextyardError {
  return new TextyardError('invalid', message, { field, cause });
}
