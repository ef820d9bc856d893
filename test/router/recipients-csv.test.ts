import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { readRecipientsCsv } from '../../src/router/recipients-csv.ts';

interface Options {
  column?: string;
  requiredColumns?: readonly string[];
}

/** Reads all of it; a file that is refused ends in `error`. */
async function read(source: string | Buffer | AsyncIterable<Uint8Array | string>, options: Options = {}) {
  const rows: { line: number; identity: string; values: Record<string, string> }[] = [];
  const bad: string[] = [];
  let error: string | undefined;
  const bytes = typeof source === 'string' || Buffer.isBuffer(source) ? Readable.from([source]) : source;
  try {
    const onBad = (row: { line: number; reason: string }) => void bad.push(`${row.line}: ${row.reason}`);
    for await (const row of readRecipientsCsv(bytes, { ...options, onBad })) rows.push(row);
  } catch (thrown) {
    error = (thrown as Error).message;
  }
  return { rows, bad, error, identities: rows.map((row) => row.identity) };
}

/** The same bytes in pieces of a given size, to cut characters and quotes in two. */
function* pieces(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('reading', () => {
  test('rows with their lines and all their columns', async () => {
    const { rows } = await read('phone,name\n+12025550101,Ann\n+12025550102,Bo\n');
    expect(rows).toEqual([
      { line: 2, identity: '+12025550101', values: { phone: '+12025550101', name: 'Ann' } },
      { line: 3, identity: '+12025550102', values: { phone: '+12025550102', name: 'Bo' } },
    ]);
  });

  test.each([
    'phone',
    'number',
    'mobile',
    'msisdn',
    'to',
    'tel',
    'telephone',
    'phone_number',
    'identity',
    'cell',
    'Phone Number',
    'PHONENUMBER',
    'phone-number',
    ' Mobile ',
    '"Tel"',
  ])('finds the numbers in a column called %s', async (name) => {
    expect((await read(`name,${name}\nAnn,555\n`)).identities).toEqual(['555']);
  });

  test('the more usual name wins', async () => {
    expect((await read('to,phone\nAnn,555\n')).identities).toEqual(['555']);
  });

  test('a column that is named wins', async () => {
    const text = 'phone,Work Line\n1,2\n';
    expect((await read(text, { column: 'work_line' })).identities).toEqual(['2']);
  });

  test.each([
    ['comma', 'phone,name,town\n1,Ann,"a;b"\n'],
    ['semicolon', 'phone;name;town\n1;Ann;a;b\n'.replace('a;b', '"a;b"')],
    ['tab', 'phone\tname\ttown\n1\tAnn\ta;b\n'],
    ['the one that Excel declared', 'sep=|\nphone|name|town\n1|Ann|a;b\n'],
    ['semicolon, with a comma in a quoted name', 'phone;name;"town"\n1;Ann;"a;b"\n'],
  ])('columns parted by %s', async (_, text) => {
    expect((await read(text)).rows[0]?.values).toMatchObject({ phone: '1', name: 'Ann', town: 'a;b' });
  });

  test('an empty cell at the start of a line parted by tabs stays', async () => {
    const { rows } = await read('name\tphone\n\t555\n');
    expect(rows[0]?.values).toEqual({ name: '', phone: '555' });
  });

  test('one column needs no delimiter', async () => {
    expect((await read('phone\n1\n2')).identities).toEqual(['1', '2']);
  });

  test.each([['\n'], ['\r\n'], ['\r']])('lines ending in %j', async (end) => {
    const { rows } = await read(['phone,name', '1,Ann', '2,Bo', ''].join(end));
    expect(rows.map((row) => [row.line, row.values.name])).toEqual([
      [2, 'Ann'],
      [3, 'Bo'],
    ]);
  });

  test('lines ending in several ways', async () => {
    expect((await read('phone,name\r\n1,Ann\n2,Bo\r\n')).rows.map((row) => row.values.name)).toEqual([
      'Ann',
      'Bo',
    ]);
  });

  test('blank lines and line breaks in quotes do not upset the count', async () => {
    const { rows } = await read('\n\nphone,note\n\n1,"two\r\nlines"\n\n2,plain\n');
    expect(rows.map((row) => [row.line, row.identity])).toEqual([
      [5, '1'],
      [8, '2'],
    ]);
    expect(rows[0]?.values.note).toBe('two\r\nlines');
  });

  test('space around cells goes, also around quotes', async () => {
    const { rows } = await read('phone, name\n 1 , "Ann, B" \n');
    expect(rows[0]).toMatchObject({ identity: '1', values: { phone: '1', name: 'Ann, B' } });
  });

  test('unnamed columns at the end are left out', async () => {
    expect((await read('phone,name,\n1,Ann,\n')).rows[0]?.values).toEqual({ phone: '1', name: 'Ann' });
  });
});

describe('encodings', () => {
  const text = 'phone,name\n1,Zoë 😀\n2,Łukasz\n';
  const names = ['Zoë 😀', 'Łukasz'];
  const big = Buffer.from(text, 'utf16le').swap16();

  for (const [what, bytes] of [
    ['UTF-8', Buffer.from(text)],
    ['UTF-8 with its mark', Buffer.from(`\uFEFF${text}`)],
    ['UTF-16LE by its mark', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')])],
    ['UTF-16BE by its mark', Buffer.concat([Buffer.from([0xfe, 0xff]), big])],
  ] as const) {
    test.each([1, 2, 3, 5, 1000])(`${what}, in pieces of %d bytes`, async (size) => {
      const { rows, error } = await read(Readable.from(pieces(bytes, size)));
      expect(error).toBeUndefined();
      expect(rows.map((row) => row.values.name)).toEqual(names);
    });
  }

  test.each([1, 7, 1000])('Latin-1 is refused with its line, in pieces of %d bytes', async (size) => {
    const bytes = Buffer.from('phone,name\n1,Ann\n2,Zo\xeb\n3,Bo\n', 'latin1');
    expect((await read(Readable.from(pieces(bytes, size)))).error).toMatch(
      /^line 3: is not valid UTF-8; save the file as "CSV UTF-8", or convert it: iconv /,
    );
  });

  test('lines are counted also where they end in a lone CR', async () => {
    const bytes = Buffer.from('phone,name\r1,Ann\r2,Zo\xeb\r', 'latin1');
    expect((await read(bytes)).error).toMatch(/^line 3: is not valid UTF-8/);
  });

  test('a character cut off at the end', async () => {
    expect((await read(Buffer.from('phone,name\n1,Zo\xc3', 'latin1'))).error).toMatch(
      /^line 2: is not valid UTF-8/,
    );
  });

  test('half a UTF-16 character at the end', async () => {
    const bytes = Buffer.concat([
      Buffer.from([0xff, 0xfe]),
      Buffer.from('phone\n1\n', 'utf16le'),
      Buffer.from([0x31]),
    ]);
    expect((await read(bytes)).error).toMatch(/not valid UTF-16/);
  });
});

describe('files that are refused', () => {
  test.each<{ what: string; bytes: string | Buffer; options?: Options; error: string }>([
    {
      what: 'nothing',
      bytes: '',
      error: 'the file is empty; its first line must name the columns, such as: phone,name',
    },
    {
      what: 'blank lines only',
      bytes: '\n\r\n  \n',
      error: 'the file is empty; its first line must name the columns, such as: phone,name',
    },
    {
      what: 'a byte order mark only',
      bytes: Buffer.from([0xef, 0xbb, 0xbf]),
      error: 'the file is empty; its first line must name the columns, such as: phone,name',
    },
    {
      what: 'no header',
      bytes: '+1 (202) 555-0101,Ann\n',
      error:
        'line 1: "+1 (202) 555-0101" looks like a number, not like the name of a column; put a first line above it that names the columns, such as: phone,name',
    },
    {
      what: 'no column of a usual name',
      bytes: 'name,line\nAnn,1\n',
      error:
        'line 1: none of the columns "name", "line" is a usual name for the phone number; call one "phone", or say which column it is',
    },
    {
      what: 'a column that is not there',
      bytes: 'phone,name\n1,Ann\n',
      options: { column: 'mobile' },
      error: 'column: there is no column "mobile"; the file has "phone", "name"',
    },
    {
      what: 'a template column that is not there',
      bytes: 'phone,name\n1,Ann\n',
      options: { requiredColumns: ['Name'] },
      error: '{Name}: there is no column "Name"; the file has "phone", "name"',
    },
    {
      what: 'two columns of one name',
      bytes: 'phone,name,Name\n1,Ann,B\n',
      error: 'line 1: two columns are called "Name"; rename one of them',
    },
    {
      what: 'a quote left open',
      bytes: 'phone,name\n1,Ann\n2,"Bo\n3,Cy\n',
      error: 'line 3: a quote opened here is never closed; close it with "',
    },
    {
      what: 'a quote left open in a large file',
      bytes: `phone,name\n1,"a\nb"\n2,"Bo\n${'3,Cy\n'.repeat(100_000)}`,
      error: 'line 4: is longer than 262144 bytes; was a quote left open?',
    },
    {
      what: 'one endless line',
      bytes: `phone,name${'x'.repeat(300_000)}`,
      error: 'line 1: is longer than 262144 bytes; was a quote left open?',
    },
    {
      what: 'a quote inside a cell',
      bytes: 'phone,name\n1,Ann\n2,B"o\n',
      error:
        'line 3: has a quote in the middle of a cell; put the cell in quotes and write the quote twice: "say ""hi"""',
    },
    {
      what: 'text after a closing quote',
      bytes: 'phone,name\n\n1,"A"nn\n',
      error:
        'line 3: has a quote in the middle of a cell; put the cell in quotes and write the quote twice: "say ""hi"""',
    },
    {
      what: 'an Excel workbook',
      bytes: Buffer.from('PK\x03\x04\x14\x00\x06\x00', 'latin1'),
      error: 'the file is no CSV but an Excel workbook (.xlsx) or another zip file; export it as CSV',
    },
    {
      what: 'a gzip file',
      bytes: Buffer.from([0x1f, 0x8b, 8, 0, 0]),
      error: 'the file is no CSV but compressed with gzip; unpack it first',
    },
    {
      what: 'a NUL byte',
      bytes: 'phone,name\n1,A\0nn\n',
      error: 'line 2: has a NUL byte, so this is no text file; export the list as CSV in UTF-8',
    },
    {
      what: 'UTF-16 without its mark',
      bytes: Buffer.from('phone\n1\n', 'utf16le'),
      error: 'line 1: has a NUL byte, so this is no text file; export the list as CSV in UTF-8',
    },
  ])('$what', async ({ bytes, options, error }) => {
    expect((await read(bytes, options)).error).toBe(error);
  });

  test('a path that leads nowhere, and one that leads to a folder', async () => {
    const all = async (path: string) => {
      for await (const _ of readRecipientsCsv(path, { onBad() {} })) {
        // Nothing comes.
      }
    };
    const folder = await mkdtemp(join(tmpdir(), 'textyard-csv-'));
    await expect(all(join(folder, 'none.csv'))).rejects.toThrow(/none\.csv: there is no such file$/);
    await expect(all(folder)).rejects.toThrow(/: it is a folder$/);
    await rm(folder, { recursive: true });
  });
});

describe('rows that are left out', () => {
  test('are reported by line, and the rest is read', async () => {
    const { identities, bad, error } = await read(
      'phone,name\n1,Ann\n2\n3,Cy,extra\n,Di\n4.47911E+11,Ed\n6,\n7,Flo\n',
      { requiredColumns: ['name'] },
    );
    expect(error).toBeUndefined();
    expect(identities).toEqual(['1', '7']);
    expect(bad).toEqual([
      '3: has 1 cell, but the header has 2 cells',
      '4: has 3 cells, but the header has 2 cells',
      '5: has nothing in column "phone"',
      '6: "4.47911E+11" was rounded by a spreadsheet; format the column as text and export it again',
      '7: has nothing in column "name"',
    ]);
  });

  test('a throw from onBad stops at the first', async () => {
    const reading = async () => {
      const onBad = (row: { line: number }) => {
        throw new Error(`stop at ${row.line}`);
      };
      for await (const _ of readRecipientsCsv(Readable.from(['phone\n1\n,\n']), { onBad })) {
        // The first row comes.
      }
    };
    await expect(reading()).rejects.toThrow('stop at 3');
  });
});

describe('large files', () => {
  /** A file that is made while it is read, and knows how much of it was asked for. */
  function madeFile(lines: number) {
    const state = { made: 0, closed: false };
    async function* make() {
      try {
        yield 'phone,name\n';
        for (; state.made < lines; state.made += 1000) {
          let text = '';
          for (let i = 0; i < 1000; i++) text += `+1202${state.made + i},"Ann, Example"\n`;
          yield text;
        }
      } finally {
        state.closed = true;
      }
    }
    return { state, bytes: make() };
  }

  test('100,000 rows are read no faster than they are taken', async () => {
    const { state, bytes } = madeFile(100_000);
    let rows = 0;
    let ahead = 0;
    for await (const _ of readRecipientsCsv(bytes, { onBad() {} })) {
      rows += 1;
      if (rows % 500 === 0) {
        // Give a reader that does not wait the chance to run ahead.
        await new Promise((resolve) => setImmediate(resolve));
        ahead = Math.max(ahead, state.made - rows);
      }
    }
    expect(rows).toBe(100_000);
    expect(ahead).toBeLessThan(20_000);
  });

  test('stopping half-way closes the source', async () => {
    const { state, bytes } = madeFile(100_000);
    for await (const row of readRecipientsCsv(bytes, { onBad() {} })) {
      if (row.line === 1500) break;
    }
    expect(state.closed).toBe(true);
    expect(state.made).toBeLessThan(30_000);
  });

  test('a file that is refused at its header is closed too', async () => {
    const state = { closed: false };
    async function* endless() {
      try {
        for (;;) yield 'x'.repeat(10_000);
      } finally {
        state.closed = true;
      }
    }
    expect((await read(endless())).error).toMatch(/^line 1: is longer than/);
    expect(state.closed).toBe(true);
  });

  test('a source that breaks is not taken for its end', async () => {
    async function* breaking() {
      yield 'phone\n1\n';
      throw new Error('connection reset');
    }
    expect((await read(breaking())).error).toBe('connection reset');
  });

  test('a file on disk', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'textyard-csv-'));
    const path = join(folder, 'list.csv');
    await writeFile(path, `phone\n${Array.from({ length: 50_000 }, (_, i) => `+1202${i}`).join('\n')}`);
    let last: { line: number; identity: string } | undefined;
    for await (const row of readRecipientsCsv(path, { onBad() {} })) last = row;
    expect(last).toMatchObject({ line: 50_001, identity: '+120249999' });
    await rm(folder, { recursive: true });
  });
});
