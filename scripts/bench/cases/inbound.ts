import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from '../../../src/index.ts';
import type { BenchCase, Sample, Setting } from '../case.ts';
import { loadConnections, openConnections } from '../floor/connections.ts';
import { answerByHand, receiveByHand } from '../floor/inbound.ts';
import { HandDispatcher } from '../floor/sends.ts';
import { BACKEND, fillConnections, phone } from '../phones.ts';
import { peakRssMb, perSecond, Stopwatch } from '../stopwatch.ts';
import { DO_NOTHING, inFlight, openBenchYard, untilMessagesSent } from '../yard.ts';

const IN_FLIGHT = 200;
const WARM_UP = 1_000;

const ping: App = {
  name: 'ping',
  handle(message) {
    message.respond(`pong ${message.text}`);
    return true;
  },
};

async function receiveMany({ url, size }: Setting): Promise<Sample> {
  const yard = await openBenchYard(url, DO_NOTHING, { apps: [ping] });
  await yard.startWorker();
  const receive = (run: string) => (n: number) =>
    yard.router.receive('ping', { backend: BACKEND, identity: phone(n) }, { externalId: `${run}-${n}` });
  const warmUp = Math.min(WARM_UP, size);
  await inFlight(warmUp, IN_FLIGHT, receive('warm-up'));
  await untilMessagesSent(yard, warmUp, warmUp);
  const watch = new Stopwatch();
  await inFlight(size, IN_FLIGHT, receive('run'));
  const acceptedMs = watch.ms;
  await untilMessagesSent(yard, warmUp + size, warmUp + size);
  const sample = figures(size, acceptedMs, watch);
  await yard.close();
  return sample;
}

async function receiveManyByHand({ url, size }: Setting): Promise<Sample> {
  const connections = openConnections(url);
  const { backendId } = await loadConnections(connections.durable, 1);
  const dispatcher = new HandDispatcher(connections, 2);
  let answering: Promise<void> | undefined;
  let again = false;
  const answer = async () => {
    do {
      again = false;
      while ((await answerByHand(connections, backendId)) > 0) dispatcher.wake();
    } while (again);
  };
  const wake = () => {
    again = true;
    answering ??= answer().finally(() => {
      answering = undefined;
      if (again) wake();
    });
  };
  const group = receiveByHand(connections, backendId, wake);
  const receive = (run: string) => (n: number) =>
    group.submit({ text: 'ping', identity: phone(n), externalId: `${run}-${n}` });
  const warmUp = Math.min(WARM_UP, size);
  await inFlight(warmUp, IN_FLIGHT, receive('warm-up'));
  while (dispatcher.sent < warmUp) await sleep(2);
  const watch = new Stopwatch();
  await inFlight(size, IN_FLIGHT, receive('run'));
  const acceptedMs = watch.ms;
  while (dispatcher.sent < warmUp + size) await sleep(2);
  const sample = figures(size, acceptedMs, watch);
  await answering;
  await dispatcher.stop();
  await connections.close();
  return sample;
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

export const inbound: BenchCase = {
  name: 'inbound',
  title: `inbound texts with a reply each, ${IN_FLIGHT} in flight: accepted, and replied end to end`,
  unit: 'texts',
  size: 10_000,
  isDefault: true,
  contenders: [
    { name: 'ours', prepare: fillConnections, run: receiveMany },
    { name: 'floor', prepare: fillConnections, run: receiveManyByHand },
  ],
  ratios: [
    { metric: 'perSecond', of: 'ours', to: 'floor', aim: { atLeast: 0.5 } },
    { metric: 'acceptedPerSecond', of: 'ours', to: 'floor' },
    { metric: 'cpuMicrosEach', of: 'ours', to: 'floor' },
  ],
  limits: [{ metric: 'perSecond', of: 'ours', aim: { atLeast: 5_000 } }],
};
