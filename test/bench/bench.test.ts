/** Each case of `npm run bench` runs, and measures what it says; the sizes are too small to mean anything. */
import { describe, expect, test } from 'vitest';
import { CASES } from '../../scripts/bench/registry.ts';
import { resultLines, summarize } from '../../scripts/bench/results.ts';
import { withClient } from '../../scripts/bench/server.ts';
import { quantile, ratioOf, spreadOf } from '../../scripts/bench/statistics.ts';
import { openBenchYard } from '../../scripts/bench/yard.ts';
import { createTestDatabase } from '../support/database.ts';

const SIZE = 10;

describe.each(CASES)('$name', (bench) => {
  test.each(bench.contenders)('$name', async (contender) => {
    const database = await createTestDatabase();
    try {
      const yard = await openBenchYard(database.url);
      await yard.close();
      const size = contender.share === 0 ? 0 : SIZE;
      await withClient(database.url, async (client) => contender.prepare?.(client, size));
      const sample = await contender.run({ url: database.url, size, brief: true });
      const wanted = [
        ...bench.ratios.flatMap(({ metric, of, to }) => [of, to].map((name) => ({ name, metric }))),
        ...bench.limits.map(({ metric, of }) => ({ name: of, metric })),
      ].filter(({ name }) => name === contender.name);
      for (const { metric } of wanted) expect(sample[metric], metric).toBeGreaterThan(0);
    } finally {
      await database.drop();
    }
  });

  test('names only contenders it has', () => {
    const names = bench.contenders.map((one) => one.name);
    const used = [...bench.ratios.flatMap(({ of, to }) => [of, to]), ...bench.limits.map(({ of }) => of)];
    expect(names).toEqual(expect.arrayContaining(used));
  });
});

describe('statistics', () => {
  test('take the middle, and the ratio round by round', () => {
    const spread = spreadOf([3, 1, 2, 10]);
    expect([spread.median, spread.min, spread.max]).toEqual([2.5, 1, 10]);
    expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9);
    const ratio = ratioOf(spreadOf([2, 9]), spreadOf([1, 3]));
    expect([ratio.median, ratio.min, ratio.max]).toEqual([2.75, 2, 3]);
  });

  test('are judged by the aim, in either direction', () => {
    const bench = {
      ...CASES[0]!,
      ratios: [{ metric: 'm', of: 'a', to: 'b', aim: { atLeast: 0.5 } }],
      limits: [{ metric: 'm', of: 'a', aim: { atMost: 3 } }],
    };
    const samples = new Map([
      ['a', [{ m: 4 }, { m: 4 }]],
      ['b', [{ m: 5 }, { m: 8 }]],
    ]);
    const result = summarize(bench, 10, samples);
    expect(result.verdicts.map((verdict) => verdict.met)).toEqual([true, false]);
    expect(resultLines(result).join('\n')).toMatch(/aim ≥ 0\.5: met[\s\S]*aim ≤ 3: MISSED/);
  });
});
