import type { Stage } from './stage.ts';

/** One kind of fault, and what must hold in spite of it. */
export interface Scenario {
  readonly name: string;
  /** What is done to the system, in one line. */
  readonly title: string;
  /** Injects the fault, and says by `stage.promise` what was promised and what was found. */
  run(stage: Stage): Promise<void>;
}

/** What was promised, and what was found. */
export interface Finding {
  readonly promise: string;
  readonly found: string;
  readonly kept: boolean;
}

/** How one run of a scenario went. */
export interface Outcome {
  readonly scenario: string;
  readonly seed: number;
  readonly injected: readonly string[];
  readonly findings: readonly Finding[];
  /** Why it could not be run here. */
  readonly skipped: string | undefined;
  readonly seconds: number;
  /** Logs and ledgers; kept when a promise broke. */
  readonly folder: string | undefined;
}

/** Thrown when this machine cannot inject the fault. */
export class Skipped extends Error {}

/** Whether every promise was kept. */
export function isKept(outcome: Outcome): boolean {
  return outcome.findings.every((finding) => finding.kept);
}

/** A report for people. */
export function outcomeLines(outcome: Outcome): string[] {
  const { scenario, seed, injected, findings, skipped, seconds, folder } = outcome;
  const verdict = skipped !== undefined ? 'skipped' : isKept(outcome) ? 'kept' : 'BROKEN';
  const lines = [`${scenario}, seed ${seed}: ${verdict} (${seconds.toFixed(1)} s)`];
  if (skipped !== undefined) lines.push(`  reason    ${skipped}`);
  for (const text of injected) lines.push(`  injected  ${text}`);
  for (const { promise, found, kept } of findings) {
    lines.push(`  promised  ${promise}`, `  found     ${found}${kept ? '' : '   <-- BROKEN'}`);
  }
  if (folder !== undefined) lines.push(`  kept for a look: ${folder}`);
  return lines;
}
