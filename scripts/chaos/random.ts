/** Chance that a seed repeats: the same seed draws the same numbers (mulberry32). */
export interface Random {
  /** At least 0 and less than 1. */
  next(): number;
  /** At least `from` and less than `to`. */
  between(from: number, to: number): number;
  /** One of the list. @throws Error when it is empty */
  pick<T>(list: readonly T[]): T;
}

/** @param seed a whole number from 0 */
export function seededRandom(seed: number): Random {
  let state = (seed + 1) * 0x9e3779b9;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    between: (from, to) => from + next() * (to - from),
    pick: (list) => {
      if (list.length === 0) throw new Error('nothing to pick from');
      return list[Math.floor(next() * list.length)] as (typeof list)[number];
    },
  };
}
