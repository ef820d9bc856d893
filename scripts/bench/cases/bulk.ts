import type { BenchCase, Sample } from '../case.ts';
import { dispatchByHand, writeByHand } from '../floor/bulk.ts';
import { loadConnections, openConnections } from '../floor/connections.ts';
import { BACKEND, fillConnections, phone } from '../phones.ts';
import { peakRssMb, perSecond, Stopwatch } from '../stopwatch.ts';
import { openBenchYard, untilSent } from '../yard.ts';

/** Recipients of the message that goes before, so that no run is timed with cold code. */
const WARM_UP = 2_000;

/** Sends one message to existing connections with a worker in the same process, and waits for every S. */
export async function sendBulk({ url, size }: { url: string; size: number }): Promise<Sample> {
  const yard = await openBenchYard(url);
  await yard.startWorker();
  const recipients = Array.from({ length: size }, (_, n) => ({ backend: BACKEND, identity: phone(n) }));
  const first = await yard.router.send('Warming up', recipients.slice(0, WARM_UP));
  await untilSent(yard, first.id, first.queued);
  const watch = new Stopwatch();
  const report = await yard.router.send('Hello from the benchmark', recipients);
  const sentMs = watch.ms;
  await untilSent(yard, report.id, first.queued + report.queued);
  const sample = figures(size, sentMs, watch);
  await yard.close();
  return sample;
}

/** The same by hand. */
export async function sendBulkByHand({ url, size }: { url: string; size: number }): Promise<Sample> {
  const connections = openConnections(url);
  const { backendId, connectionIds } = await loadConnections(connections.durable, size);
  const warmUp = await writeByHand(connections, backendId, connectionIds.slice(0, WARM_UP));
  await dispatchByHand(connections, warmUp);
  const watch = new Stopwatch();
  const ranges = await writeByHand(connections, backendId, connectionIds);
  const sentMs = watch.ms;
  await dispatchByHand(connections, ranges);
  const sample = figures(size, sentMs, watch);
  await connections.close();
  return sample;
}

function figures(size: number, sentMs: number, watch: Stopwatch): Sample {
  const { ms, cpuMicros } = watch;
  return {
    perSecond: perSecond(size, ms),
    sendPerSecond: perSecond(size, sentMs),
    dispatchPerSecond: perSecond(size, ms - sentMs),
    microsEach: (ms * 1000) / size,
    cpuMicrosEach: cpuMicros / size,
    rssMb: peakRssMb(),
  };
}

export const bulk: BenchCase = {
  name: 'bulk',
  title: 'one message to existing connections: from the call of send until every transmission is S',
  unit: 'transmissions',
  size: 100_000,
  isDefault: true,
  contenders: [
    { name: 'ours', prepare: fillConnections, run: sendBulk },
    { name: 'floor', prepare: fillConnections, run: sendBulkByHand },
  ],
  ratios: [
    { metric: 'perSecond', of: 'ours', to: 'floor', aim: { atLeast: 0.7 } },
    { metric: 'sendPerSecond', of: 'ours', to: 'floor' },
    { metric: 'dispatchPerSecond', of: 'ours', to: 'floor' },
    { metric: 'cpuMicrosEach', of: 'ours', to: 'floor' },
  ],
  limits: [{ metric: 'perSecond', of: 'ours', aim: { atLeast: 20_000 } }],
};
