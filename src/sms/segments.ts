import { SegmentedMessage } from 'sms-segments-calculator';

/** A text of more segments is still sent; whoever writes it should be told (cost, order of arrival). */
export const MAX_SEGMENTS_WITHOUT_WARNING = 10;

export interface Segments {
  readonly encoding: 'GSM-7' | 'UCS-2';
  /** How many SMS the text takes: what providers charge and limit by. At least 1. */
  readonly segments: number;
  /** Septets in GSM-7 (a character of the extension table is two), UTF-16 units in UCS-2. */
  readonly units: number;
}

/** 3GPP TS 23.038, 6.2.1: the default alphabet; all take one septet. */
const GSM_BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
/** The same, 6.2.1.1: reached by an escape; all take two septets. */
const GSM_EXTENSION = '\f^{}\\[~]|€';

const GSM_SINGLE = 160;
const GSM_PART = 153;
const UCS2_SINGLE = 70;
const UCS2_PART = 67;
/** In units; up to this the library never fills a segment beyond its end (family emoji take 11). */
const LONGEST_CHARACTER = 32;

const [BASIC, EXTENSION, LONE, COMPLEX] = [0, 1, 2, 3] as const;
/** For each UTF-16 unit, how it counts. */
const kinds = tabulate();

/**
 * How a text is cut into SMS. The text is taken as it is: no character is replaced by a similar
 * one (Twilio's "smart encoding" is off), so what is counted is what is sent.
 *
 * The rules are those of sms-segments-calculator: neither an escape sequence nor a character the
 * reader sees as one (an emoji with its modifiers) is divided between two segments. Most texts
 * are counted here without it, as it needs many times longer; a test compares the two.
 */
export function segmentsOf(text: string): Segments {
  let units = 0;
  let extended = 0;
  let worst: number = BASIC;
  for (let at = 0; at < text.length; at++) {
    const kind = kinds[text.charCodeAt(at)] as number;
    if (kind === EXTENSION) extended++;
    else if (kind > worst) worst = kind;
  }
  if (worst === BASIC) {
    units = text.length + extended;
    if (units <= GSM_SINGLE) return { encoding: 'GSM-7', segments: 1, units };
    return {
      encoding: 'GSM-7',
      segments: extended === 0 ? Math.ceil(units / GSM_PART) : gsmParts(text),
      units,
    };
  }
  units = text.length;
  if (units <= UCS2_SINGLE) return { encoding: 'UCS-2', segments: 1, units };
  const segments = worst === COMPLEX ? ucs2Parts(text) : Math.ceil(units / UCS2_PART);
  return { encoding: 'UCS-2', segments, units };
}

/** Parts of a long text with escapes in it, none of which is divided. */
function gsmParts(text: string): number {
  let parts = 1;
  let filled = 0;
  for (let at = 0; at < text.length; at++) {
    const size = kinds[text.charCodeAt(at)] === EXTENSION ? 2 : 1;
    if (filled + size > GSM_PART) {
      parts++;
      filled = 0;
    }
    filled += size;
  }
  return parts;
}

/**
 * Parts of a long text with emoji, combining marks and the like. Two neighbours that both stand
 * alone never join, so the library is asked only about the stretches between such places, which
 * are short and come again and again.
 */
function ucs2Parts(text: string): number {
  let parts = 1;
  let filled = 0;
  const add = (size: number) => {
    if (filled + size > UCS2_PART) {
      parts++;
      filled = 0;
    }
    filled += size;
  };
  for (let at = 0; at < text.length; ) {
    const end = endOfStretch(text, at);
    if (end - at === 1) {
      add(1);
    } else {
      for (const size of sizesOf(text.slice(at, end))) {
        // A pile of marks so long that where the first segment gives way to its header matters.
        if (size > LONGEST_CHARACTER) return new SegmentedMessage(text, 'auto', false).segmentsCount;
        add(size);
      }
    }
    at = end;
  }
  return parts;
}

/** The first place after `from` that has units standing alone on both sides. */
function endOfStretch(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (kinds[text.charCodeAt(at - 1)] !== COMPLEX && kinds[text.charCodeAt(at)] !== COMPLEX) return at;
  }
  return text.length;
}

/** Sizes of visible characters, in units, by stretch; the newest ones. */
const recent = new Map<string, readonly number[]>();
const RECENT_LIMIT = 2_000;

function sizesOf(stretch: string): readonly number[] {
  let sizes = recent.get(stretch);
  if (sizes !== undefined) {
    recent.delete(stretch);
  } else {
    sizes = new SegmentedMessage(stretch, 'auto', false).graphemes.map((grapheme) => grapheme.length);
    if (recent.size >= RECENT_LIMIT) recent.delete(recent.keys().next().value as string);
  }
  recent.set(stretch, sizes);
  return sizes;
}

/**
 * LONE are units outside GSM-7 that never join with their neighbours into one visible character;
 * everything not known to be so is COMPLEX.
 */
function tabulate(): Uint8Array {
  const table = new Uint8Array(0x10000).fill(COMPLEX);
  const lone: [from: number, to: number][] = [
    [0x20, 0x7e],
    [0xa0, 0xa8],
    [0xaa, 0xac],
    [0xaf, 0x2ff],
    [0x370, 0x482],
    [0x48a, 0x52f],
    [0x1e00, 0x1fff],
    [0x2010, 0x2027],
    [0x2030, 0x203b],
    [0x20a0, 0x20bf],
    [0x3041, 0x3096],
    [0x30a1, 0x30fa],
    [0x4e00, 0x9fff],
    [0xff01, 0xff60],
  ];
  for (const [from, to] of lone) table.fill(LONE, from, to + 1);
  for (const character of GSM_BASIC) table[character.charCodeAt(0)] = BASIC;
  for (const character of GSM_EXTENSION) table[character.charCodeAt(0)] = EXTENSION;
  return table;
}
