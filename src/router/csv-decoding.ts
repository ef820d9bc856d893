import { isUtf8 } from 'node:buffer';
import { TextyardError } from '../errors.ts';

const HOW_TO_CONVERT =
  'save the file as "CSV UTF-8", or convert it: iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv';

const LARGEST_PIECE = 64 * 1024;

/** First bytes of files that people take for CSV because a spreadsheet opens them. */
const NOT_TEXT: readonly { magic: readonly number[]; what: string }[] = [
  {
    magic: [0x50, 0x4b, 0x03, 0x04],
    what: 'an Excel workbook (.xlsx) or another zip file; export it as CSV',
  },
  { magic: [0xd0, 0xcf, 0x11, 0xe0], what: 'an old Excel workbook (.xls); export it as CSV' },
  { magic: [0x1f, 0x8b], what: 'compressed with gzip; unpack it first' },
  { magic: [0x25, 0x50, 0x44, 0x46], what: 'a PDF; export the list as CSV' },
];

/**
 * Passes a text file on as UTF-8 without a byte order mark, in pieces as they come. UTF-8 and, by
 * its mark, UTF-16 are read. Anything else is refused with its line: guessing an encoding would
 * put wrong letters into people's names and nobody would notice.
 */
export async function* decodeCsv(source: AsyncIterable<Uint8Array | string>): AsyncGenerator<Buffer> {
  const chunks = bytes(source);
  const start = await firstBytes(chunks);
  const kind = NOT_TEXT.find(({ magic }) => magic.every((byte, index) => start[index] === byte));
  if (kind !== undefined) throw refused(`the file is no CSV but ${kind.what}`);

  if (start[0] === 0xff && start[1] === 0xfe) yield* utf16('utf-16le', start, chunks);
  else if (start[0] === 0xfe && start[1] === 0xff) yield* utf16('utf-16be', start, chunks);
  else if (start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf)
    yield* utf8(start.subarray(3), chunks);
  else yield* utf8(start, chunks);
}

async function* utf8(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const lines = new LineCounter();
  let carried = start.subarray(0, 0);
  for await (const chunk of joined(start, rest)) {
    const piece = carried.length === 0 ? chunk : Buffer.concat([carried, chunk]);
    const whole = piece.subarray(0, piece.length - unfinishedTail(piece));
    if (!isUtf8(whole) || whole.includes(0)) throw badText(whole, lines);
    lines.count(whole);
    carried = piece.subarray(whole.length);
    yield whole;
  }
  if (carried.length > 0) throw badText(carried, lines);
}

async function* utf16(
  encoding: 'utf-16le' | 'utf-16be',
  start: Buffer,
  rest: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const lines = new LineCounter();
  const decode = (chunk?: Buffer) => {
    try {
      return Buffer.from(decoder.decode(chunk, { stream: chunk !== undefined }));
    } catch (cause) {
      throw refused(`after line ${lines.line}: the file is not valid UTF-16; ${HOW_TO_CONVERT}`, cause);
    }
  };
  for await (const chunk of joined(start, rest)) {
    const text = decode(chunk);
    if (text.includes(0)) throw badText(text, lines);
    lines.count(text);
    yield text;
  }
  yield decode();
}

/** Knows which line the next byte belongs to, whichever way the lines end. */
class LineCounter {
  line = 1;
  #newline: number | undefined;

  count(text: Buffer): void {
    // Lines that end in a lone CR come from old Macintosh programs.
    if (this.#newline === undefined && text.includes(0x0a)) this.#newline = 0x0a;
    if (this.#newline === undefined && text.subarray(0, -1).includes(0x0d)) this.#newline = 0x0d;
    if (this.#newline === undefined) return;
    for (let at = text.indexOf(this.#newline); at !== -1; at = text.indexOf(this.#newline, at + 1))
      this.line += 1;
  }
}

/** Finds the line of the first bad byte by halving: the part before it is good text. */
function badText(text: Buffer, lines: LineCounter): TextyardError {
  const good = (end: number) => {
    const part = text.subarray(0, end);
    return isUtf8(part.subarray(0, end - unfinishedTail(part))) && !part.includes(0);
  };
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (good(middle)) low = middle;
    else high = middle - 1;
  }
  lines.count(text.subarray(0, low));
  return text[low] === 0
    ? refused(`line ${lines.line}: has a NUL byte, so this is no text file; export the list as CSV in UTF-8`)
    : refused(`line ${lines.line}: is not valid UTF-8; ${HOW_TO_CONVERT}`);
}

/** How many bytes at the end begin a character whose rest is still to come. */
function unfinishedTail(text: Buffer): number {
  for (let back = 1; back <= Math.min(3, text.length); back++) {
    const byte = text[text.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < length ? back : 0;
    }
  }
  return 0;
}

async function firstBytes(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  let start = Buffer.alloc(0);
  while (start.length < 4) {
    const next = await chunks.next();
    if (next.done) break;
    start = Buffer.concat([start, next.value]);
  }
  return start;
}

async function* joined(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (start.length > 0) yield start;
  yield* rest;
}

/** In pieces of a size whose rows fit into memory, also when the whole file comes at once. */
async function* bytes(source: AsyncIterable<Uint8Array | string>): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    const all =
      typeof chunk === 'string'
        ? Buffer.from(chunk)
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < all.length; at += LARGEST_PIECE) yield all.subarray(at, at + LARGEST_PIECE);
  }
}

function refused(message: string, cause?: unknown): TextyardError {
  return new TextyardError('invalid', message, { field: 'recipients', cause });
}
