import { SegmentedMessage } from 'sms-segments-calculator';
import { describe, expect, it } from 'vitest';
import { segmentsOf } from '../../src/sms/segments.ts';

function byLibrary(text: string) {
  const counted = new SegmentedMessage(text, 'auto', false);
  return { encoding: counted.getEncodingName(), segments: counted.segmentsCount };
}

/** A repeatable sequence: a failing text can be found again. */
function randomNumbers(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

const alphabets = [
  'abc XYZ 0123 @£ñ\n\r',
  'abc{}[]~^|€\\\f',
  'abc€',
  'Приве́т, мир 1',
  '水が止まります。abc',
  'żółć ąęß é',
  'aé\u0301e\u0302',
  '😀👍🏽👨‍👩‍👧🇺🇬🏳️‍🌈ab',
  'नमस्ते สวัสดี 한국어',
  '“quoted” – dash…\r\n',
  '\ud83d\ude00 \udc00 \ud800 a',
  'abcdefghijklmnop\t`',
];

describe('segmentsOf', () => {
  it('agrees with the library on every single UTF-16 unit and its encoding', () => {
    for (let unit = 0; unit <= 0xffff; unit++) {
      const text = String.fromCharCode(unit);
      const counted = new SegmentedMessage(text, 'auto', false);
      const { encoding, segments } = segmentsOf(text);
      if (encoding !== counted.getEncodingName() || segments !== counted.segmentsCount) {
        throw new Error(`U+${unit.toString(16)}: ${encoding} ${segments}`);
      }
    }
  });

  it('agrees with the library on every unit that joins with a letter before or after it', () => {
    const joining: string[] = [];
    for (let from = 0; from <= 0xffff; from += 64) {
      const units = Array.from({ length: 64 }, (_, at) => String.fromCharCode(from + at));
      const text = `ж${units.join('ж')}ж`;
      if (new SegmentedMessage(text, 'auto', false).graphemes.length < text.length) joining.push(...units);
    }
    expect(joining.length).toBeGreaterThan(1_000);
    const joins = joining.filter((unit) => new SegmentedMessage(`ж${unit}ж`).graphemes.length < 3);
    // Every fourth, as the library takes a millisecond for each.
    for (const unit of joins.filter((_, at) => at % 4 === 0)) {
      // 67 pairs of two fill 134 units: two segments if each unit stands alone, three if pairs stay whole.
      for (const text of [`ж${unit}`.repeat(67), `${unit}ж`.repeat(67)]) {
        const code = unit.charCodeAt(0).toString(16);
        expect({ code, segments: segmentsOf(text).segments }).toEqual({
          code,
          segments: byLibrary(text).segments,
        });
      }
    }
  }, 30_000);

  it('agrees with the library on random texts of every length around the limits', () => {
    const random = randomNumbers(20261101);
    for (let round = 0; round < 1_500; round++) {
      const alphabet = alphabets[round % alphabets.length]!;
      const mixed = random(4) === 0 ? alphabet + alphabets[random(alphabets.length)]! : alphabet;
      const units = mixed.split('');
      const length = random(random(3) === 0 ? 700 : 175);
      let text = '';
      // Mostly plain letters with some of the special ones, or all of them.
      const rare = random(2) === 0;
      for (let at = 0; at < length; at++) text += rare && random(10) > 0 ? 'a' : units[random(units.length)];
      const { encoding, segments } = segmentsOf(text);
      expect({ text, encoding, segments }).toEqual({ text, ...byLibrary(text) });
    }
  });

  it.each([
    ['', 'GSM-7', 1, 0],
    ['a'.repeat(160), 'GSM-7', 1, 160],
    ['a'.repeat(161), 'GSM-7', 2, 161],
    ['a'.repeat(306), 'GSM-7', 2, 306],
    ['a'.repeat(307), 'GSM-7', 3, 307],
    ['€'.repeat(80), 'GSM-7', 1, 160],
    ['€'.repeat(81), 'GSM-7', 2, 162],
    // 76 euros fill 152 of 153 septets; the next does not fit into the one that is left.
    ['€'.repeat(153), 'GSM-7', 3, 306],
    ['ж'.repeat(70), 'UCS-2', 1, 70],
    ['ж'.repeat(71), 'UCS-2', 2, 71],
    ['ж'.repeat(134), 'UCS-2', 2, 134],
    ['ж'.repeat(135), 'UCS-2', 3, 135],
    ['😀'.repeat(35), 'UCS-2', 1, 70],
    // 33 emoji fill 66 of 67 units; none is divided.
    ['😀'.repeat(67), 'UCS-2', 3, 134],
  ])('counts %.12s… as %s: %i segments, %i units', (text, encoding, segments, units) => {
    expect(segmentsOf(text)).toEqual({ encoding, segments, units });
  });

  it('counts a pile of marks as long as a segment as the library does', () => {
    for (let marks = 20; marks < 150; marks++) {
      const pile = `bba${'\u0301'.repeat(marks)}`;
      const text = `${pile}${pile}${'c'.repeat(43)}`;
      expect({ marks, ...segmentsOf(text) }).toMatchObject({ marks, ...byLibrary(text) });
    }
  });

  it('does not replace characters by similar ones', () => {
    expect(segmentsOf(`${'a'.repeat(100)}“`)).toMatchObject({ encoding: 'UCS-2', segments: 2 });
  });

  it('counts the same text the same way when it is remembered', () => {
    const text = '👨‍👩‍👧 Water is off.'.repeat(20);
    expect(segmentsOf(text)).toEqual(segmentsOf(text));
    for (let other = 0; other < 3_000; other++)
      segmentsOf(`${'👍🏽'.repeat(1 + (other % 9))}\t${other} `.repeat(8));
    expect(segmentsOf(text)).toMatchObject(byLibrary(text));
  });
});
