/** The middle of some figures, and how far they lie apart. */
export interface Spread {
  readonly values: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { values, median: quantile(sorted, 0.5), min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** A quantile of sorted figures, interpolated between neighbours. */
export function quantile(sorted: readonly number[], at: number): number {
  const place = (sorted.length - 1) * at;
  const below = sorted[Math.floor(place)] ?? 0;
  const above = sorted[Math.ceil(place)] ?? 0;
  return below + (above - below) * (place - Math.floor(place));
}

/** The ratio of the medians; its spread is that of the ratios within each round. */
export function ratioOf(of: Spread, to: Spread): Spread {
  const values = of.values.map((value, round) => value / (to.values[round] ?? Number.NaN));
  return { ...spreadOf(values), median: of.median / to.median };
}
