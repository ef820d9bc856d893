import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from '../../../src/index.ts';
import type { BenchCase, Sample, Setting } from '../case.ts';
import { loadConnections, openConnections } from '../floor/connections.ts';
import { Dispatcher } from '../floor/dispatcher.ts';
import { answerByHand, receiveByHand } from '../floor/inbound.ts';
import { dispatchByHand } from '../floor/sends.ts';
import { answerStepwise, dispatchStepwise, receiveStepwise } from '../floor/stepwise.ts';
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

interface ByHand {
  readonly receive: typeof receiveByHand;
  readonly answer: typeof answerByHand;
  readonly dispatch: typeof dispatchByHand;
}

function receiveManyByHand({ receive, answer, dispatch }: ByHand) {
  return async ({ url, size }: Setting): Promise<Sample> => {
    const connections = openConnections(url);
    const { backendId } = await loadConnections(connections.durable, 1);
    const dispatcher = new Dispatcher(2, () => dispatch(connections));
    const answerer = new Dispatcher(1, async () => {
      const answered = await answer(connections, backendId);
      if (answered > 0) dispatcher.wake();
      return answered;
    });
    const group = receive(connections, backendId, () => answerer.wake());
    const receiveOne = (run: string) => (n: number) =>
      group.submit({ text: 'ping', identity: phone(n), externalId: `${run}-${n}` });
    const warmUp = Math.min(WARM_UP, size);
    await inFlight(warmUp, IN_FLIGHT, receiveOne('warm-up'));
    while (dispatcher.done < warmUp) await sleep(2);
    const watch = new Stopwatch();
    await inFlight(size, IN_FLIGHT, receiveOne('run'));
    const acceptedMs = watch.ms;
    while (dispatcher.done < warmUp + size) await sleep(2);
    const sample = figures(size, acceptedMs, watch);
    await answerer.stop();
    await dispatcher.stop();
    await connections.close();
    return sample;
  };
}

const STEPWISE = { receive: receiveStepwise, answer: answerStepwise, dispatch: dispatchStepwise };
const MERGED = { receive: receiveByHand, answer: answerByHand, dispatch: dispatchByHand };

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
    { name: 'floor', prepare: fillConnections, run: receiveManyByHand(MERGED) },
    { name: 'stepwise', prepare: fillConnections, run: receiveManyByHand(STEPWISE) },
  ],
  ratios: [
    { metric: 'perSecond', of: 'ours', to: 'floor', aim: { atLeast: 0.5 } },
    { metric: 'acceptedPerSecond', of: 'ours', to: 'floor' },
    { metric: 'cpuMicrosEach', of: 'ours', to: 'floor' },
    { metric: 'perSecond', of: 'ours', to: 'stepwise' },
  ],
  limits: [{ metric: 'perSecond', of: 'ours', aim: { atLeast: 5_000 } }],
};
