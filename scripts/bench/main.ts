/** `npm run bench`: measures our pipeline and hand-written SQL over the same tables, in alternation. */
import { fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readArguments } from '../arguments.ts';
import type { BenchCase, Contender, Sample } from './case.ts';
import { describeMachine, machineLines } from './machine.ts';
import { CASES, findCase } from './registry.ts';
import { type CaseResult, resultLines, summarize } from './results.ts';
import { type BenchDatabase, type BenchServer, startServer } from './server.ts';

/** The size at which every case runs at its own full size. */
const FULL_SIZE = 100_000;

const USAGE = `npm run bench -- [case ...] [options]

Measures Textyard and hand-written SQL over the same tables, in alternation.

  --list            the cases
  --all             those that take minutes too
  --rounds N        runs of each contender (3)
  --size N          size of the bulk case; the others follow in proportion (${FULL_SIZE})
  --json FILE       where the results go (bench-results/)
  --url URL         a server of yours, in place of an embedded one
  --set NAME=VALUE  a setting of the embedded PostgreSQL; may be repeated
  --statements      what each statement took
  --cpu-prof DIR    profiles of Node, for scripts/bench/profile.ts
  --rows N          rows in the tables of big-tables (10000000)
  --plans DIR       plans of the hot statements, from big-tables`;

const { values: options, positionals } = readArguments(USAGE, {
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    size: { type: 'string', default: String(FULL_SIZE) },
    json: { type: 'string' },
    url: { type: 'string' },
    all: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    statements: { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
    rows: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    plans: { type: 'string' },
  },
});

if (options.list) {
  for (const { name, title, size, unit, isDefault } of CASES) {
    console.log(`${name.padEnd(14)} ${title}; ${size} ${unit}${isDefault ? '' : ' (not by default)'}`);
  }
} else {
  await main();
}

async function main(): Promise<void> {
  const rounds = wholeNumber('rounds', options.rounds);
  const size = wholeNumber('size', options.size);
  const cases =
    positionals.length > 0 ? positionals.map(findCase) : CASES.filter((one) => one.isDefault || options.all);
  const settings = Object.fromEntries(options.set.map((pair) => pair.split('=', 2)));
  const server = await startServer(options.url, settings);
  process.once('SIGINT', () => {
    server.close().finally(() => process.exit(130));
  });
  const results: CaseResult[] = [];
  try {
    const machine = await describeMachine(server.url, Object.keys(settings));
    for (const line of machineLines(machine)) console.log(line);
    for (const bench of cases) {
      const result = await runCase(server, bench, sizeOf(bench, size), rounds);
      results.push(result);
      console.log(`\n${resultLines(result).join('\n')}`);
    }
    const date = new Date().toISOString();
    const file = resolve(
      options.json ?? join('bench-results', `${date.slice(0, 19).replaceAll(':', '')}.json`),
    );
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify({ date, machine, cases: results }, null, 2)}\n`);
  } finally {
    await server.close();
  }
}

/** `--size` in proportion; `--rows` is that of big-tables alone, which so stays big in a short run. */
function sizeOf(bench: BenchCase, size: number): number {
  if (bench.name === 'big-tables' && options.rows !== undefined) return wholeNumber('rows', options.rows);
  return Math.max(1, Math.round((bench.size * size) / FULL_SIZE));
}

/** Round by round, each contender once: what else the machine does then hits all of them alike. */
async function runCase(
  server: BenchServer,
  bench: BenchCase,
  size: number,
  rounds: number,
): Promise<CaseResult> {
  const samples = new Map<string, Sample[]>(bench.contenders.map((one) => [one.name, []]));
  const shared = new Map<string, BenchDatabase>();
  for (let round = 1; round <= rounds; round++) {
    for (const contender of bench.contenders) {
      const own = Math.round(size * (contender.share ?? 1));
      const open = () => server.database((sql) => contender.prepare?.(sql, own) ?? Promise.resolve());
      let database = contender.shared === undefined ? undefined : shared.get(contender.shared);
      database ??= await open();
      if (contender.shared !== undefined) shared.set(contender.shared, database);
      const sample = await runContender(bench, contender, database.url, own);
      samples.get(contender.name)?.push(sample);
      process.stderr.write(
        `${bench.name} ${round}/${rounds} ${contender.name} ${JSON.stringify(rounded(sample))}\n`,
      );
      if (contender.shared === undefined) await database.drop();
    }
  }
  for (const database of shared.values()) await database.drop();
  return summarize(bench, size, samples);
}

function runContender(bench: BenchCase, contender: Contender, url: string, size: number): Promise<Sample> {
  const { statements, plans } = options;
  const profile = options['cpu-prof'] === undefined ? undefined : resolve(options['cpu-prof']);
  const setting = { url, size, statements, plans, profile };
  const child = fork(join(import.meta.dirname, 'run-contender.ts'), [
    bench.name,
    contender.name,
    JSON.stringify(setting),
  ]);
  return new Promise((done, fail) => {
    let sample: Sample | undefined;
    child.once('message', (message) => {
      sample = message as Sample;
    });
    child.once('error', fail);
    child.once('exit', (code, signal) => {
      if (sample && code === 0) done(sample);
      else fail(new Error(`${bench.name}, ${contender.name}: ended with ${signal ?? `code ${code}`}`));
    });
  });
}

function rounded(sample: Sample): Record<string, number> {
  return Object.fromEntries(
    Object.entries(sample).map(([name, value]) => [name, Number(value.toPrecision(4))]),
  );
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name}: expected a whole number above 0, got "${text}"`);
}
