/**
 * `npm run soak`: mixed traffic for a long time, at half of the maximum that the first minute shows.
 *
 * Exits with 1 when memory, tables, the queue or latency grow beyond the limits of verdict.ts.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readArguments } from '../arguments.ts';
import { query } from '../chaos/postgres-server.ts';
import { Stage } from '../chaos/stage.ts';
import { startWorker } from '../chaos/workers.ts';
import { type ApplicationNews, type ApplicationOrder, BACKENDS } from './mix.ts';
import { HEADINGS, p99, type Sample, sampleDatabase, sampleLine } from './sample.ts';
import { judgeSoak } from './verdict.ts';

const USAGE = `npm run soak -- [options]

Mixed traffic at half of the maximum; exits with 1 when memory, tables, the queue or latency grow too far.

  --minutes N  how long (30)
  --rate N     transmissions a second; auto finds the maximum in the first minute (auto)`;

const { values: options } = readArguments(USAGE, {
  options: { minutes: { type: 'string', default: '30' }, rate: { type: 'string', default: 'auto' } },
});
const minutes = positive('minutes', options.minutes);
const stage = new Stage({ seed: 1, short: false });
process.once('SIGINT', () => stage.close().finally(() => process.exit(130)));
try {
  process.exitCode = (await soak()) ? 0 : 1;
} finally {
  await stage.close();
  rmSync(stage.folder, { recursive: true, force: true });
}

async function soak(): Promise<boolean> {
  const { url } = await stage.server();
  const worker = await startWorker(stage, {
    url,
    backends: BACKENDS,
    echo: true,
    tellMemory: true,
    // What a worker does unless told otherwise.
    worker: { pollSeconds: 1 },
  });
  const application = startApplication(url);
  const maximum = options.rate === 'auto' ? await findMaximum(url, application) : undefined;
  const perSecond = maximum === undefined ? positive('rate', options.rate) : maximum / 2;
  console.log(
    maximum === undefined
      ? `${perSecond} transmissions a second for ${minutes} minutes`
      : `maximum ${maximum.toFixed(0)} transmissions a second; half of it for ${minutes} minutes`,
  );

  application.tell({ kind: 'rate', perSecond });
  const began = performance.now();
  const samples: Sample[] = [];
  const everySeconds = Math.max(5, (minutes * 60) / 60);
  console.log(HEADINGS);
  while (performance.now() - began < minutes * 60_000) {
    await sleep(everySeconds * 1000);
    const sample: Sample = {
      at: (performance.now() - began) / 1000,
      workerMb: worker.memory.at(-1) ?? 0,
      serverMb: application.rssMb,
      loneP99: p99(application.takeLoneMs()),
      ...(await sampleDatabase(url, everySeconds)),
    };
    samples.push(sample);
    console.log(sampleLine(sample));
  }
  application.tell({ kind: 'stop' });
  const findings = judgeSoak(samples, perSecond, application.rejected);
  findings.push({
    promise: 'worker and server still run',
    found: `worker ${worker.isRunning}, server ${application.isRunning}`,
    kept: worker.isRunning && application.isRunning,
  });
  for (const { promise, found, kept } of findings)
    console.log(`  promised  ${promise}\n  found     ${found}${kept ? '' : '   <-- BROKEN'}`);
  return findings.every(({ kept }) => kept);
}

/** Transmissions a second at full speed, inbound ones and replies included; the start is left out. */
async function findMaximum(url: string, application: ReturnType<typeof startApplication>): Promise<number> {
  const seconds = Math.min(60, minutes * 15);
  application.tell({ kind: 'full' });
  await sleep((seconds * 1000) / 4);
  const before = await countDone(url);
  const began = performance.now();
  await sleep((seconds * 1000 * 3) / 4);
  const done = (await countDone(url)) - before;
  const maximum = done / ((performance.now() - began) / 1000);
  application.tell({ kind: 'stop' });
  while (!application.hasStopped) await sleep(100);
  return maximum;
}

async function countDone(url: string): Promise<number> {
  const [row] = await query<{ n: number }>(
    url,
    `SELECT count(*)::int AS n FROM transmissions WHERE status IN ('S', 'D', 'R')`,
  );
  return row?.n ?? 0;
}

function startApplication(url: string) {
  const child: ChildProcess = fork(join(import.meta.dirname, 'application-process.ts'), [url], {
    execArgv: [],
  });
  stage.onClose(() => child.kill('SIGKILL'));
  let news: ApplicationNews = { rssMb: 0, loneMs: [], rejected: 0, stopped: false };
  let loneMs: number[] = [];
  child.on('message', (message: ApplicationNews) => {
    news = message;
    for (const ms of message.loneMs) loneMs.push(ms);
  });
  return {
    tell: (order: ApplicationOrder) => {
      news = { ...news, stopped: false };
      child.send(order);
    },
    takeLoneMs: () => {
      const taken = loneMs;
      loneMs = [];
      return taken;
    },
    get rssMb() {
      return news.rssMb;
    },
    get rejected() {
      return news.rejected;
    },
    get hasStopped() {
      return news.stopped;
    },
    get isRunning() {
      return child.exitCode === null && child.signalCode === null;
    },
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name}: expected a number above 0, got "${text}"`);
}
