import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend, Textyard } from '../../../src/index.ts';
import type { BenchCase, Sample, Setting } from '../case.ts';
import { BACKEND, fillConnections, phone } from '../phones.ts';
import { quantile } from '../statistics.ts';
import { startWorkers } from '../worker-processes.ts';
import { openBenchYard } from '../yard.ts';

const WARM_UP = 20;
const warmUpFor = (size: number) => Math.min(WARM_UP, size);
/** The clock that all processes of a machine share, in milliseconds. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** Sends one text after another with pauses between, so that each finds the yard idle. */
async function sendLone(
  yard: Textyard,
  size: number,
  handedAt: ReadonlyMap<string, number>,
): Promise<Sample> {
  const sentAt = new Map<string, number>();
  const accepted: number[] = [];
  for (let n = -warmUpFor(size); n < size; n++) {
    await sleep(20 + Math.random() * 40);
    const text = `Text ${n}`;
    const start = now();
    if (n >= 0) sentAt.set(text, start);
    await yard.router.send(text, { backend: BACKEND, identity: phone(Math.abs(n)) });
    if (n >= 0) accepted.push(now() - start);
  }
  while (handedAt.size < size + warmUpFor(size)) await sleep(5);
  const waits = [...sentAt]
    .map(([text, start]) => (handedAt.get(text) ?? Number.NaN) - start)
    .sort((a, b) => a - b);
  accepted.sort((a, b) => a - b);
  return {
    p50Ms: quantile(waits, 0.5),
    p99Ms: quantile(waits, 0.99),
    maxMs: waits.at(-1) ?? 0,
    acceptedP50Ms: quantile(accepted, 0.5),
    acceptedP99Ms: quantile(accepted, 0.99),
  };
}

async function inSameProcess({ url, size }: Setting): Promise<Sample> {
  const handedAt = new Map<string, number>();
  const backend: Backend = {
    receiptsBy: 'transmission',
    async send(batch, report) {
      for (const { id, text } of batch.transmissions) {
        handedAt.set(text, now());
        report({ transmissionId: id, outcome: 'sent' });
      }
    },
  };
  const yard = await openBenchYard(url, { backend });
  await yard.startWorker();
  const sample = await sendLone(yard, size, handedAt);
  await yard.close();
  return sample;
}

async function inOtherProcess({ url, size }: Setting): Promise<Sample> {
  const handedAt = new Map<string, number>();
  const yard = await openBenchYard(url);
  const workers = await startWorkers(1, { url, tellTimes: true }, (text, at) => handedAt.set(text, at));
  const sample = await sendLone(yard, size, handedAt);
  await workers.stop();
  await yard.close();
  return sample;
}

export const latency: BenchCase = {
  name: 'latency',
  title: 'from the call of send to backend.send while nothing else goes on',
  unit: 'sends',
  size: 300,
  isDefault: true,
  contenders: [
    { name: 'same process', prepare: fillConnections, run: inSameProcess },
    { name: 'other process', prepare: fillConnections, run: inOtherProcess },
  ],
  ratios: [],
  limits: [
    { metric: 'p50Ms', of: 'same process', aim: { atMost: 15 } },
    { metric: 'p99Ms', of: 'same process', aim: { atMost: 60 } },
    { metric: 'p50Ms', of: 'other process', aim: { atMost: 15 } },
    { metric: 'p99Ms', of: 'other process', aim: { atMost: 60 } },
  ],
};
