import type { Recipient } from '../../../src/index.ts';
import type { BenchCase, Sample, Setting } from '../case.ts';
import { BACKEND, fillConnections, phone } from '../phones.ts';
import { peakRssMb, perSecond, Stopwatch } from '../stopwatch.ts';
import { startWorkers } from '../worker-processes.ts';
import { openBenchYard, untilSent } from '../yard.ts';

/** Recipients as a file or a cursor gives them: one after another, never all of them. */
async function* stream(count: number): AsyncGenerator<Recipient> {
  for (let n = 0; n < count; n++) yield { backend: BACKEND, identity: phone(n) };
}

async function sendStream({ url, size }: Setting): Promise<Sample> {
  const yard = await openBenchYard(url);
  const workers = await startWorkers(1, { url });
  const first = await yard.router.send('Warming up', stream(Math.min(2_000, size)));
  await untilSent(yard, first.id);
  const watch = new Stopwatch();
  const report = await yard.router.send('Hello from the benchmark', stream(size));
  const sentMs = watch.ms;
  await untilSent(yard, report.id);
  const { ms } = watch;
  await workers.stop();
  await yard.close();
  return {
    microsEach: (ms * 1000) / size,
    perSecond: perSecond(size, ms),
    sendMicrosEach: (sentMs * 1000) / size,
    dispatchMicrosEach: ((ms - sentMs) * 1000) / size,
    workerRssMb: workers.peakRssMb,
    senderRssMb: peakRssMb(),
  };
}

export const bulkMillion: BenchCase = {
  name: 'bulk-million',
  title: 'a stream of recipients, sent by a worker in another process: its cost against a tenth of them',
  unit: 'transmissions',
  size: 1_000_000,
  isDefault: true,
  contenders: [
    { name: 'tenth', share: 0.1, prepare: fillConnections, run: sendStream },
    { name: 'whole', prepare: fillConnections, run: sendStream },
  ],
  ratios: [{ metric: 'microsEach', of: 'whole', to: 'tenth', aim: { atMost: 1.1 } }],
  limits: [
    { metric: 'workerRssMb', of: 'whole', aim: { atMost: 300 } },
    { metric: 'senderRssMb', of: 'whole', aim: { atMost: 300 } },
  ],
};
