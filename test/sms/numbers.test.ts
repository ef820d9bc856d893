import { getCountries, getCountryCallingCode } from 'libphonenumber-js/max';
import { describe, expect, it } from 'vitest';
import { isNormalizedNumber, normalizeNumber } from '../../src/sms/numbers.ts';

const e164 = (input: string, defaultCountry?: string) => {
  const result = normalizeNumber(input, { defaultCountry });
  return result.ok ? result.e164 : result.problem;
};

describe('normalizeNumber', () => {
  it.each([
    ['+12025550123', undefined],
    ['+1 (202) 555-0123', undefined],
    ['+1.202.555.0123', undefined],
    ['+1\u00a0202\u00a0555\u00a00123', undefined],
    ['\u202a+1\u202f202\u2011555\u20110123\u202c', undefined],
    ['+1 202 – 555 — 0123', undefined],
    ['+1 202 555\u22120123', undefined],
    ['＋１ ２０２ ５５５ ０１２３', undefined],
    ['+١٢٠٢٥٥٥٠١٢٣', undefined],
    ['tel:+1-202-555-0123', undefined],
    ['TEL:+12025550123', undefined],
    ['(+1) 202 555 0123', undefined],
    ['001 202 555 0123', undefined],
    ["'+12025550123", undefined],
    ['"+12025550123"', undefined],
    [' +12025550123;\r\n', undefined],
    ['+12025550123,', undefined],
    ['\ufeff+12025550123', undefined],
    ['+1/202/555/0123', undefined],
    ['(202) 555-0123', 'US'],
    ['202.555.0123', 'US'],
    ['1 202 555 0123', 'US'],
    ['011 1 202 555 0123', 'US'],
    ['+12025550123', 'GB'],
  ])('reads %j (country %s)', (input, country) => {
    expect(e164(input, country)).toBe('+12025550123');
  });

  it.each([
    ['00 44 7700 900123', undefined, '+447700900123'],
    ['07700 900123', 'GB', '+447700900123'],
    ['447700900123', 'GB', '+447700900123'],
    ['+44 (0)20 7946 0018', undefined, '+442079460018'],
    ['0491 570 156', 'AU', '+61491570156'],
    ['+39 06 1234 5678', undefined, '+390612345678'],
    ['0701 234567', 'UG', '+256701234567'],
    ['+1 500 555 0001', undefined, '+15005550001'],
    ['+1 555 123 4567', undefined, '+15551234567'],
    ['+54 9 11 1234 5678', undefined, '+5491112345678'],
    ['+882 13 123456', undefined, '+88213123456'],
  ])('reads %j (country %s) as %s', (input, country, expected) => {
    expect(e164(input, country)).toBe(expected);
  });

  it.each([
    ['', 'empty'],
    [' \u200b ', 'empty'],
    ['+', 'no digits'],
    ['hello', 'letters'],
    ['1-800-FLOWERS', 'letters'],
    ['+1 202 555 0123 (home)', 'letters'],
    ['+1 202 555 O123', 'letters'],
    ['+1 202 555 0123 ext. 5', 'extension'],
    ['+1 202 555 0123x5', 'extension'],
    ['+1 202 555 0123 #5', 'extension'],
    ['tel:+12025550123;ext=5', 'extension'],
    ['1.20256E+10', 'spreadsheet'],
    ['+1 202 555 0123, +1 202 555 0124', 'several'],
    ['+12025550123/12025550124', 'several'],
    ['+1 202 555 012', 'too short: 9 digits after +1; numbers have 10'],
    ['+1 202 555 01234', 'too long: 11 digits after +1; numbers have 10'],
    ['+123456789012345678', 'too long'],
    ['+1', 'too short'],
    ['+44 77', 'too short'],
    ['+999 12345678', 'code of a country'],
    ['+1 000 000 0000', 'begins like this'],
    ['+1 102 555 0123', 'begins like this'],
    ['2025550123', 'no country code'],
    ['20255+50123', 'wrong place'],
    ['++12025550123', 'wrong place'],
    ['+1202555@0123', 'contains "@"'],
    ['javascript:alert(1)', 'letters'],
  ])('rejects %j: %s', (input, words) => {
    const result = normalizeNumber(input);
    expect(result).toMatchObject({ ok: false, problem: expect.stringContaining(words) });
    expect(result.ok || result.problem.includes('\n')).toBe(false);
  });

  it('keeps its problems to one short line whatever it is given', () => {
    for (const input of ['x\n'.repeat(5_000), `+${'1'.repeat(100_000)}`, '😀'.repeat(1_000), '\0\u0007+1']) {
      const result = normalizeNumber(input);
      expect(result.ok ? '' : result.problem).toMatch(/^.{10,160}$/u);
    }
  });

  it('tells the type, and a landline only where it is one for sure', () => {
    expect(normalizeNumber('+442079460018')).toMatchObject({ type: 'FIXED_LINE', landline: true });
    expect(normalizeNumber('+256701234567')).toMatchObject({ type: 'MOBILE', landline: false });
    expect(normalizeNumber('+12025550123')).toMatchObject({ type: 'FIXED_LINE_OR_MOBILE', landline: false });
    expect(normalizeNumber('+447700900123')).toMatchObject({ ok: true, type: undefined, landline: false });
  });

  it('throws for a country that does not exist', () => {
    expect(() => normalizeNumber('2025550123', { defaultCountry: 'XX' })).toThrow(RangeError);
  });

  it('gives back what it gave', () => {
    for (const input of ['+39 06 1234 5678', '+44 (0)20 7946 0018', '00882 13 123456']) {
      const once = e164(input);
      expect(e164(once)).toBe(once);
    }
  });
});

describe('isNormalizedNumber', () => {
  it('says yes only of numbers that come back from normalizeNumber as they are', () => {
    let yes = 0;
    // A small generator with a seed, so that a failure can be seen again.
    let state = 42;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (const code of new Set(getCountries().map((country) => getCountryCallingCode(country)))) {
      for (let i = 0; i < 150; i++) {
        const length = 4 + random(10);
        const digits = Array.from({ length }, () => random(10)).join('');
        const number = `+${code}${digits}`;
        if (!isNormalizedNumber(number)) continue;
        yes += 1;
        expect(normalizeNumber(number)).toMatchObject({ ok: true, e164: number });
      }
    }
    expect(yes).toBeGreaterThan(1_000);
  });

  it('knows ordinary mobile numbers of many countries without asking', () => {
    for (const number of [
      '+12025550123',
      '+447700900123',
      '+61491570006',
      '+4915123456789',
      '+254712345678',
    ]) {
      expect(isNormalizedNumber(number), number).toBe(true);
    }
    for (const number of [
      '2025550123',
      '+1 202 555 0123',
      '+1202555012',
      '+4407700900123',
      '+9991234567',
      '',
    ]) {
      expect(isNormalizedNumber(number), number).toBe(false);
    }
  });
});
