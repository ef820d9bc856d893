import type { BenchCase, Sample, Setting } from '../case.ts';
import { BACKEND, fillConnections, phone } from '../phones.ts';
import { perSecond, Stopwatch } from '../stopwatch.ts';
import { startWorkers } from '../worker-processes.ts';
import { openBenchYard, untilSent } from '../yard.ts';

const LATENCY_MS = 5;

function sendWith(count: number) {
  return async ({ url, size }: Setting): Promise<Sample> => {
    const yard = await openBenchYard(url);
    const workers = await startWorkers(count, { url, latencyMs: LATENCY_MS });
    const recipients = Array.from({ length: size }, (_, n) => ({ backend: BACKEND, identity: phone(n) }));
    const first = await yard.router.send('Warming up', recipients.slice(0, 2_000));
    await untilSent(yard, first.id);
    const report = await yard.router.send('Hello from the benchmark', recipients);
    const watch = new Stopwatch();
    await untilSent(yard, report.id);
    const sample = { dispatchPerSecond: perSecond(size, watch.ms), workerRssMb: workers.peakRssMb };
    await workers.stop();
    await yard.close();
    return sample;
  };
}

export const workers: BenchCase = {
  name: 'workers',
  title: `worker processes over an operator that takes ${LATENCY_MS} ms per call, from the commit until every S`,
  unit: 'transmissions',
  size: 100_000,
  isDefault: true,
  contenders: [
    { name: 'one', prepare: fillConnections, run: sendWith(1) },
    { name: 'four', prepare: fillConnections, run: sendWith(4) },
  ],
  ratios: [{ metric: 'dispatchPerSecond', of: 'four', to: 'one' }],
  limits: [],
};
