import { describe, expect, it } from 'vitest';
import { idRun, uuid7 } from '../../src/store/uuid7.ts';

const V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('uuid7', () => {
  it('is a version 7 UUID that bears the time', () => {
    const before = Date.now();
    const id = uuid7();
    expect(id).toMatch(V7);
    const time = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
    // It may run ahead by a millisecond for each 4,096 ids made in one.
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThan(before + 1_000);
  });

  it('grows, also within a millisecond, and never repeats', () => {
    const ids = Array.from({ length: 50_000 }, uuid7);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('idRun', () => {
  it('counts up from its prefix, in valid ids that sort by ordinal', () => {
    const run = idRun();
    const ids = [0, 1, 199, 10_000, 0xffffff].map((ordinal) => run.at(ordinal));
    for (const id of ids) expect(id).toMatch(V7);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids.map((id) => id.slice(0, 30)))).toEqual(new Set([run.prefix]));
  });

  it('does not overlap with another run', () => {
    const prefixes = Array.from({ length: 10_000 }, () => idRun().prefix);
    expect(new Set(prefixes).size).toBe(prefixes.length);
  });
});
