/**
 * Writes the figures into docs/performance.md, between its two marks:
 * `node scripts/bench/table.ts RESULTS.json ...`. A case that stands in several files is taken from the last.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Machine, machineLines } from './machine.ts';
import { aimText, type CaseResult, spreadText, type Verdict } from './results.ts';

interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly cases: readonly CaseResult[];
}

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'performance.md');
const MARKS = /(<!-- figures begin -->\n)[\s\S]*(<!-- figures end -->)/;

/** What was measured, as Markdown: where and when, the ratios and aims, then every figure. */
export function figuresMarkdown(runs: readonly Results[]): string {
  const cases = new Map<string, CaseResult>();
  for (const run of runs) for (const result of run.cases) cases.set(result.name, result);
  const about = runs.map(({ date, machine, cases: own }) => [
    `${date.slice(0, 16).replace('T', ' ')} UTC: ${own.map(({ name }) => name).join(', ')}`,
    ...machineLines(machine).map((line) => `  ${line}`),
  ]);
  const lines = ['```', ...about.flat(), '```', '', '### Ratios and aims', ''];
  lines.push('| case | what | median | spread | aim | |', '|---|---|---:|---:|---:|---|');
  for (const { name, verdicts } of cases.values())
    for (const verdict of verdicts) lines.push(row(name, verdict));
  lines.push(
    '',
    '### Every figure',
    '',
    '| case | who | metric | median | spread |',
    '|---|---|---|---:|---:|',
  );
  for (const { name, figures } of cases.values()) {
    for (const [contender, metrics] of Object.entries(figures)) {
      for (const [metric, value] of Object.entries(metrics)) {
        const { median, range } = spreadText(value);
        lines.push(`| ${name} | ${contender} | ${metric} | ${median} | ${range} |`);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

function row(name: string, { label, value, aim, met }: Verdict): string {
  const { median, range } = spreadText(value);
  const verdict = aim ? (met ? 'met' : '**missed**') : '';
  return `| ${name} | ${label} | ${median} | ${range} | ${aim ? aimText(aim) : ''} | ${verdict} |`;
}

if (import.meta.main) {
  const runs = process.argv
    .slice(2)
    .map((file) => JSON.parse(readFileSync(resolve(file), 'utf8')) as Results);
  if (runs.length === 0) throw new Error('give the JSON that "npm run bench" wrote');
  const page = readFileSync(PAGE, 'utf8');
  if (!MARKS.test(page)) throw new Error(`${PAGE} has no marks for the figures`);
  writeFileSync(
    PAGE,
    page.replace(MARKS, (_, begin, end) => `${begin}${figuresMarkdown(runs)}${end}`),
  );
}
