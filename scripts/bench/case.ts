import type pg from 'pg';

/** What one run of one contender measured, by the metric's name. */
export type Sample = Readonly<Record<string, number>>;

/** What a contender is handed: a migrated database of its own, prepared, vacuumed and checkpointed. */
export interface Setting {
  readonly url: string;
  /** How much work, in the case's own unit. */
  readonly size: number;
  /** A folder for the plans of the statements, if they are wanted. */
  readonly plans?: string;
  /** Only to see that it works: few repeats. */
  readonly brief?: boolean;
}

/** One way to do the work of a case: our pipeline, the hand-written floor, or a variant. */
export interface Contender {
  readonly name: string;
  /** Fills the database before the clock starts; runs in the process of `main.ts`. */
  prepare?(sql: pg.Client, size: number): Promise<void>;
  /** Does the work and measures it; runs in a process of its own. */
  run(setting: Setting): Promise<Sample>;
  /** Contenders of one case with the same word share one database, filled once for all rounds. */
  readonly shared?: string;
  /** Part of the case's size that this contender works on; 1 unless said otherwise. */
  readonly share?: number;
}

export interface Aim {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A figure of one contender by that of another, taken round by round. */
export interface Ratio {
  readonly metric: string;
  readonly of: string;
  readonly to: string;
  readonly aim?: Aim;
  readonly label?: string;
}

/** A figure that has an aim by itself. */
export interface Limit {
  readonly metric: string;
  readonly of: string;
  readonly aim: Aim;
}

export interface BenchCase {
  readonly name: string;
  /** What is measured, in one line. */
  readonly title: string;
  /** What `size` counts, such as `transmissions`. */
  readonly unit: string;
  /** The full size; `--size` sets it in proportion, 100,000 standing for the full one. */
  readonly size: number;
  /** Run when no case is named. */
  readonly isDefault: boolean;
  readonly contenders: readonly Contender[];
  readonly ratios: readonly Ratio[];
  readonly limits: readonly Limit[];
}
