/**
 * Writes recipients.csv: 10,000 lines as people paste them together. Every number is from a range
 * that its country keeps for films and examples, so nobody can be reached. Seeded: the same file
 * each time.
 *
 *   node scripts/demo/make-recipients.ts
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A source of numbers in [0, 1) that repeats itself for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** How many lines of each kind; 10,000 in all. */
const COUNTS = {
  unitedStates: 5_300,
  britishMobiles: 900,
  frenchMobiles: 2_300,
  swedishMobiles: 90,
  landlines: 510,
  duplicates: 400,
  garbage: 300,
  nameless: 140,
  misshapen: 60,
};

const FIRST_NAMES =
  'Ada,Amir,Ana,Anouk,Ben,Björn,Chloé,Dara,Ed,Elif,Emeka,Eva,Farid,Gus,Hana,Ines,Jack,Jörg,José,Kai,Lea,Lin,Łukasz,Maja,Mia,Nadia,Noor,Olga,Omar,Paul,Pia,Ravi,Rosa,Sam,Sofía,Tess,Tim,Uma,Vera,Wim,Yara,Zoë,李娜'.split(
    ',',
  );
const LAST_NAMES =
  'Abara,Berg,Costa,Dubois,Eng,Fox,Gray,Haas,Iqbal,Jansen,Kaya,Lund,Moreau,Novak,Okoye,Park,Quinn,Reyes,Silva,Tran'.split(
    ',',
  );
const CITIES = ['Springfield', 'Gotham', 'St. Mary Mead', 'Sunnydale', 'Clochemerle', 'Entenhausen', ''];

/** 555-0100 to 555-0199 of any area code are for fiction. */
const AREA_CODES =
  '201,202,203,205,206,207,208,209,210,212,213,214,215,216,217,218,219,224,225,228,229,231,234,239,240,248,251,252,253,254,256,260,262,267,269,270,276,281,301,302,303,304,305,307,308,309,310,312,313,314,315,316,317,318,319,320,321,323'.split(
    ',',
  );
/** Of Ofcom's numbers for drama, those with a city; of the Bundesnetzagentur's, and of Arcep's. */
const LANDLINES = ['44114496', '44117496', '44121496', '44131496', '44161496', '4930231251', '3319900'];

const GARBAGE = [
  'n/a',
  '-',
  'unknown',
  'call the office',
  'see notes',
  'TBD',
  '?',
  '12345',
  '911',
  '+1 202 555',
  '2.02555E+09',
  '+999 123 456 789',
  '555-0123',
  '+1 202 555 0123 ext. 4',
  '+12025550123 / +12025550124',
  'pat@example.com',
  '07700 900123 (old)',
  '+44 20 7946',
  '0000000000',
  '+1 202 555 01234567890',
  '1-800-FLOWERS',
  '++12025550123',
];

type Random = () => number;

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

/** The first `count` of a shuffled range, so that no number comes twice. */
function sample(random: Random, size: number, count: number): number[] {
  const all = Array.from({ length: size }, (_, index) => index);
  for (let at = 0; at < count; at++) {
    const other = at + Math.floor(random() * (size - at));
    [all[at], all[other]] = [all[other] as number, all[at] as number];
  }
  return all.slice(0, count);
}

const digits = (value: number, width: number) => String(value).padStart(width, '0');

/** One number, written in one of the ways in which people write it. */
function unitedStates(random: Random, index: number): string {
  const area = AREA_CODES[Math.floor(index / 100)] as string;
  const line = `01${digits(index % 100, 2)}`;
  return pick(random, [
    `+1 (${area}) 555-${line}`,
    `(${area}) 555-${line}`,
    `${area}-555-${line}`,
    `${area}.555.${line}`,
    `+1${area}555${line}`,
    `1 ${area} 555 ${line}`,
    `001 ${area} 555 ${line}`,
    `${area}555${line}`,
    `tel:+1-${area}-555-${line}`,
    `+1\u00a0${area}\u00a0555\u00a0${line}`,
    `${area}\u2011555\u2011${line}`,
    `'+1 ${area} 555 ${line}`,
  ]);
}

function abroad(random: Random, country: string, national: string): string {
  const pairs = national.replace(/\d(?=(?:\d{2})+$)/g, '$& ');
  return pick(random, [
    `+${country} ${national}`,
    `00 ${country} ${pairs}`,
    `00${country}${national}`,
    `+${country} (0)${national}`,
    `+${country}${national}`,
    `+${country}.${pairs.replaceAll(' ', '.')}`,
    `+${country}-${pairs.replaceAll(' ', '-')}`,
  ]);
}

function landline(random: Random, index: number): string {
  const range = LANDLINES[index % LANDLINES.length] as string;
  const width = range.startsWith('4930') ? 2 : 4;
  const rest = digits(Math.floor(index / LANDLINES.length) % 10 ** width, width);
  return abroad(random, range.slice(0, 2), `${range.slice(2)}${rest}`);
}

function person(random: Random): string {
  const first = pick(random, FIRST_NAMES);
  // A cell with a comma has to be quoted, as spreadsheets do.
  if (random() < 0.03) return `"${pick(random, LAST_NAMES)}, ${first}"`;
  return random() < 0.4 ? `${first} ${pick(random, LAST_NAMES)}` : first;
}

/** The whole file. */
export function makeRecipients(seed = 2_026): string {
  const random = seeded(seed);
  const row = (phone: string, name = person(random)) => `${name},${phone},${pick(random, CITIES)}`;
  const numbers = [
    ...sample(random, AREA_CODES.length * 100, COUNTS.unitedStates).map(
      (index) => () => unitedStates(random, index),
    ),
    ...sample(random, 1_000, COUNTS.britishMobiles).map(
      (index) => () => abroad(random, '44', `7700900${digits(index, 3)}`),
    ),
    ...sample(random, 10_000, COUNTS.frenchMobiles).map(
      (index) => () => abroad(random, '33', `63998${digits(index, 4)}`),
    ),
    ...sample(random, 95, COUNTS.swedishMobiles).map(
      (index) => () => abroad(random, '46', `70174${digits(605 + index, 4)}`),
    ),
    ...Array.from({ length: COUNTS.landlines }, (_, index) => () => landline(random, index)),
  ];
  const lines = numbers.map((write) => row(write()));
  // The same person again, as often as not in another way of writing.
  for (const index of sample(random, numbers.length, COUNTS.duplicates))
    lines.push(row((numbers[index] as () => string)()));
  for (let n = 0; n < COUNTS.garbage; n++) lines.push(row(pick(random, GARBAGE)));
  for (let n = 0; n < COUNTS.nameless; n++) lines.push(row((pick(random, numbers) as () => string)(), ''));
  for (let n = 0; n < COUNTS.misshapen; n++) {
    lines.push(
      random() < 0.5 ? `${person(random)},+12025550100` : `${row('+1 202 555 0100')},likes trains,maybe`,
    );
  }
  const shuffled = sample(random, lines.length, lines.length).map((index) => lines[index]);
  return `${['name,phone,city', ...shuffled].join('\n')}\n`;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, 'recipients.csv'), makeRecipients());
