/** What a soak must keep to, judged from its samples. */
import type { Finding } from '../chaos/scenario.ts';
import type { Sample, TableState } from './sample.ts';

/** Of the samples this part is warm-up: caches fill, code is compiled, the first vacuum runs. */
const WARM_UP = 1 / 3;
/** RSS may grow by this part of its mean over the measured time, by its slope. */
const RSS_GROWTH = 0.2;
/** Dead rows of a table: so many, and this part of the living. */
const DEAD_ROWS = 50_000;
const DEAD_SHARE = 0.5;
/** Bytes per transmission may grow by this part. */
const BYTES_GROWTH = 0.25;
/** pg-boss keeps completed jobs for 15 minutes, and is asked to look every minute. */
const OLDEST_JOB = 15 * 60 + 120;
/** The last third's p99 by the first third's; and so many milliseconds are noise. */
const P99_GROWTH = 2;
const P99_NOISE = 25;

/** A line fitted by least squares. @returns its rise per unit of x */
export function slope(points: readonly { x: number; y: number }[]): number {
  const mean = (values: number[]) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const mx = mean(points.map(({ x }) => x));
  const my = mean(points.map(({ y }) => y));
  const over = points.reduce((sum, { x, y }) => sum + (x - mx) * (y - my), 0);
  const under = points.reduce((sum, { x }) => sum + (x - mx) ** 2, 0);
  return under === 0 ? 0 : over / under;
}

/** @param perSecond the rate of the steady traffic @param rejected calls that were */
export function judgeSoak(samples: readonly Sample[], perSecond: number, rejected: number): Finding[] {
  const measured = samples.slice(Math.floor(samples.length * WARM_UP));
  const last = measured.at(-1);
  const first = measured[0];
  if (!first || !last || measured.length < 3)
    return [{ promise: 'there is enough to judge', found: `${samples.length} samples`, kept: false }];
  return [
    memory('worker', measured, (sample) => sample.workerMb),
    memory('server', measured, (sample) => sample.serverMb),
    ...last.tables.filter((table) => table.live + table.dead > 1_000).map(deadRows),
    rowSize(first, last),
    {
      promise: `completed jobs leave: none is older than ${OLDEST_JOB} s`,
      found: `the oldest of ${last.completedJobs} is ${last.oldestJob.toFixed(0)} s old`,
      kept: last.oldestJob <= OLDEST_JOB,
    },
    steady('send of a lone text', measured, (sample) => sample.loneP99),
    steady('lone text, from stored to sent', measured, (sample) => sample.sentP99),
    {
      promise: 'the worker keeps up: never more than 5 s of traffic is open',
      found: `at most ${Math.max(...measured.map(({ open }) => open))}, at ${perSecond.toFixed(0)} a second`,
      kept: measured.every(({ open }) => open <= 5 * perSecond),
    },
    { promise: 'no call is rejected', found: `${rejected} were`, kept: rejected === 0 },
  ];
}

function memory(name: string, samples: readonly Sample[], of: (sample: Sample) => number): Finding {
  const perSecond = slope(samples.map((sample) => ({ x: sample.at, y: of(sample) })));
  const seconds = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0);
  const mean = samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const growth = perSecond * seconds;
  return {
    promise: `RSS of the ${name} grows by at most ${RSS_GROWTH * 100} % in the measured time`,
    found: `slope ${(perSecond * 60).toFixed(2)} MB a minute: ${growth.toFixed(1)} MB in ${(seconds / 60).toFixed(1)} minutes, mean ${mean.toFixed(0)} MB`,
    kept: growth <= RSS_GROWTH * mean,
  };
}

function deadRows({ table, live, dead, bytes }: TableState): Finding {
  return {
    promise: `${table}: at most ${DEAD_ROWS} dead rows and ${DEAD_SHARE * 100} % of the living`,
    found: `${dead} dead, ${live} living, ${(bytes / 2 ** 20).toFixed(1)} MB`,
    kept: dead <= DEAD_ROWS + DEAD_SHARE * live,
  };
}

function rowSize(first: Sample, last: Sample): Finding {
  const bytesPerRow = (sample: Sample) => {
    const table = sample.tables.find((one) => one.table === 'public.transmissions');
    return table && table.live > 0 ? table.bytes / table.live : 0;
  };
  const before = bytesPerRow(first);
  const after = bytesPerRow(last);
  return {
    promise: `a transmission takes at most ${BYTES_GROWTH * 100} % more room at the end, indexes included`,
    found: `${before.toFixed(0)} bytes, then ${after.toFixed(0)}`,
    kept: after <= before * (1 + BYTES_GROWTH),
  };
}

function steady(name: string, samples: readonly Sample[], of: (sample: Sample) => number): Finding {
  const third = Math.max(1, Math.floor(samples.length / 3));
  const middle = (part: readonly Sample[]) =>
    part.map(of).toSorted((a, b) => a - b)[Math.floor(part.length / 2)] ?? 0;
  const before = middle(samples.slice(0, third));
  const after = middle(samples.slice(-third));
  return {
    promise: `p99 of ${name} is steady: at the end at most ${P99_GROWTH} × + ${P99_NOISE} ms`,
    found: `${before.toFixed(1)} ms, then ${after.toFixed(1)} ms`,
    kept: after <= before * P99_GROWTH + P99_NOISE,
  };
}
