import type { Aim, BenchCase, Sample } from './case.ts';
import { ratioOf, type Spread, spreadOf } from './statistics.ts';

/** A ratio, or a figure by itself, beside its aim. */
export interface Verdict {
  readonly label: string;
  readonly value: Spread;
  readonly aim?: Aim | undefined;
  /** Undefined without an aim. */
  readonly met?: boolean | undefined;
}

export interface CaseResult {
  readonly name: string;
  readonly title: string;
  readonly size: number;
  readonly unit: string;
  readonly rounds: number;
  readonly figures: Readonly<Record<string, Readonly<Record<string, Spread>>>>;
  readonly verdicts: readonly Verdict[];
}

/** @param samples by contender, one per round */
export function summarize(
  bench: BenchCase,
  size: number,
  samples: ReadonlyMap<string, readonly Sample[]>,
): CaseResult {
  const figures: Record<string, Record<string, Spread>> = {};
  for (const [contender, rounds] of samples) {
    const metrics: Record<string, Spread> = {};
    for (const metric of Object.keys(rounds[0] ?? {})) {
      metrics[metric] = spreadOf(rounds.map((round) => round[metric] ?? Number.NaN));
    }
    figures[contender] = metrics;
  }
  const figure = (contender: string, metric: string) => figures[contender]?.[metric];
  const verdicts: Verdict[] = [];
  for (const { metric, of, to, aim, label } of bench.ratios) {
    const value = figure(of, metric);
    const base = figure(to, metric);
    if (value && base) verdicts.push(judge(label ?? `${metric}: ${of} / ${to}`, ratioOf(value, base), aim));
  }
  for (const { metric, of, aim } of bench.limits) {
    const value = figure(of, metric);
    if (value) verdicts.push(judge(`${metric}: ${of}`, value, aim));
  }
  const { name, title, unit } = bench;
  const rounds = Math.max(0, ...[...samples.values()].map((list) => list.length));
  return { name, title, unit, size, rounds, figures, verdicts };
}

function judge(label: string, value: Spread, aim: Aim | undefined): Verdict {
  if (!aim) return { label, value };
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = aim;
  return { label, value, aim, met: value.median >= atLeast && value.median <= atMost };
}

/** A case's figures as lines of text. */
export function resultLines(result: CaseResult): string[] {
  const lines = [`${result.name}: ${result.title}`];
  lines.push(`  ${number(result.size)} ${result.unit}, ${result.rounds} rounds; median (min–max)`);
  for (const [contender, metrics] of Object.entries(result.figures)) {
    for (const [metric, value] of Object.entries(metrics)) {
      lines.push(`  ${contender.padEnd(16)} ${metric.padEnd(22)} ${spread(value)}`);
    }
  }
  for (const { label, value, aim, met } of result.verdicts) {
    const verdict = aim ? `aim ${aimText(aim)}: ${met ? 'met' : 'MISSED'}` : '';
    lines.push(`  ${label.padEnd(39)} ${spread(value).padEnd(28)} ${verdict}`.trimEnd());
  }
  return lines;
}

function spread(value: Spread): string {
  const { median, range } = spreadText(value);
  return `${median} (${range})`;
}

/** The median and the range of a figure, as they are shown. */
export function spreadText({ median, min, max }: Spread): { median: string; range: string } {
  return { median: number(median), range: `${number(min)}–${number(max)}` };
}

/** An aim, as it is shown. */
export function aimText({ atLeast, atMost }: Aim): string {
  return [
    atLeast === undefined ? '' : `≥ ${number(atLeast)}`,
    atMost === undefined ? '' : `≤ ${number(atMost)}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** Three significant digits, or whole with separators. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
