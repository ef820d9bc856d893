import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCase, Sample, Setting } from '../case.ts';
import { loadConnections, openConnections } from '../floor/connections.ts';
import { Dispatcher } from '../floor/dispatcher.ts';
import { acceptByHand, dispatchByHand } from '../floor/sends.ts';
import { acceptStepwise, dispatchStepwise } from '../floor/stepwise.ts';
import { BACKEND, fillConnections, phone } from '../phones.ts';
import { peakRssMb, perSecond, Stopwatch } from '../stopwatch.ts';
import { inFlight, openBenchYard, untilMessagesSent } from '../yard.ts';

const IN_FLIGHT = 500;
const WARM_UP = 2_000;

async function sendMany({ url, size }: Setting): Promise<Sample> {
  const yard = await openBenchYard(url);
  await yard.startWorker();
  const send = (n: number) => yard.router.send(`Your code is ${n}`, { backend: BACKEND, identity: phone(n) });
  const warmUp = Math.min(WARM_UP, size);
  await inFlight(warmUp, IN_FLIGHT, send);
  await untilMessagesSent(yard, warmUp, warmUp);
  const watch = new Stopwatch();
  await inFlight(size, IN_FLIGHT, send);
  const acceptedMs = watch.ms;
  await untilMessagesSent(yard, warmUp + size, warmUp + size);
  const sample = figures(size, acceptedMs, watch);
  await yard.close();
  return sample;
}

function sendManyByHand(accept: typeof acceptByHand, dispatch: typeof dispatchByHand) {
  return async ({ url, size }: Setting): Promise<Sample> => {
    const connections = openConnections(url);
    const { backendId, connectionIds } = await loadConnections(connections.durable, size);
    const dispatcher = new Dispatcher(2, () => dispatch(connections));
    const group = accept(connections, backendId, () => dispatcher.wake());
    const send = (n: number) =>
      group.submit({ text: `Your code is ${n}`, connectionId: connectionIds[n] as string });
    const warmUp = Math.min(WARM_UP, size);
    await inFlight(warmUp, IN_FLIGHT, send);
    while (dispatcher.done < warmUp) await sleep(2);
    const watch = new Stopwatch();
    await inFlight(size, IN_FLIGHT, send);
    const acceptedMs = watch.ms;
    while (dispatcher.done < warmUp + size) await sleep(2);
    const sample = figures(size, acceptedMs, watch);
    await dispatcher.stop();
    await connections.close();
    return sample;
  };
}

function figures(size: number, acceptedMs: number, watch: Stopwatch): Sample {
  const { ms, cpuMicros } = watch;
  return {
    perSecond: perSecond(size, ms),
    acceptedPerSecond: perSecond(size, acceptedMs),
    cpuMicrosEach: cpuMicros / size,
    rssMb: peakRssMb(),
  };
}

export const sends: BenchCase = {
  name: 'sends',
  title: `concurrent sends of one recipient each, ${IN_FLIGHT} in flight: accepted, and sent end to end`,
  unit: 'sends',
  size: 20_000,
  isDefault: true,
  contenders: [
    { name: 'ours', prepare: fillConnections, run: sendMany },
    { name: 'floor', prepare: fillConnections, run: sendManyByHand(acceptByHand, dispatchByHand) },
    { name: 'stepwise', prepare: fillConnections, run: sendManyByHand(acceptStepwise, dispatchStepwise) },
  ],
  ratios: [
    { metric: 'perSecond', of: 'ours', to: 'floor', aim: { atLeast: 0.6 } },
    { metric: 'acceptedPerSecond', of: 'ours', to: 'floor' },
    { metric: 'cpuMicrosEach', of: 'ours', to: 'floor' },
    { metric: 'perSecond', of: 'ours', to: 'stepwise' },
  ],
  limits: [{ metric: 'perSecond', of: 'ours', aim: { atLeast: 10_000 } }],
};
