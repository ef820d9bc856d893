import { setTimeout as sleep } from 'node:timers/promises';
import type { Textyard } from '../../../src/index.ts';
import { promiseCounted, promiseSettled, readHandedOver, readStates } from '../audit.ts';
import { people, simulatedLine, unknownWindow } from '../lines.ts';
import type { Scenario } from '../scenario.ts';
import { openSender } from '../sender.ts';
import type { Stage } from '../stage.ts';
import { startWorker, type WorkerProcess } from '../workers.ts';

const POLICY = { batchSize: 100, concurrency: 2, leaseSeconds: 2 };
const WORKERS = 2;
/** A lease, then pg-boss's heartbeat and the look for it, with room for a busy machine. */
const SETTLED_WITHIN = 60;

/** Two backends, one for each `onUnknown`, served by the same workers: each kill hits both. */
export const workerKill: Scenario = {
  name: 'worker-kill',
  title: 'kill -9 of workers at random moments while they send',
  async run(stage) {
    const count = stage.size(100_000, 4_000);
    const kills = stage.size(20, 3);
    const slow = { latencyMs: { mean: 40, spread: 30 } };
    const backends = {
      ...simulatedLine(stage, 'resend', { ...POLICY, onUnknown: 'resend' }, slow),
      ...simulatedLine(stage, 'hold', { ...POLICY, onUnknown: 'hold' }, slow),
    };
    const url = await stage.database();
    const sender = await openSender(stage, url, backends);
    for (const backend of ['resend', 'hold']) await sender.router.send('hi', people(backend, count));

    const workers = await Promise.all(
      Array.from({ length: WORKERS }, () => startWorker(stage, { url, backends })),
    );
    const moments = Array.from({ length: kills }, () => stage.random.between(0.02, 0.9)).sort();
    for (const moment of moments) {
      await untilSent(sender, moment * count * 2);
      await sleep(stage.random.between(0, 150));
      const victim = stage.random.pick(workers);
      await victim.kill();
      stage.progress(`killed a worker at ${Math.round(moment * 100)} %`);
      const replacement: WorkerProcess = await startWorker(stage, { url, backends });
      workers[workers.indexOf(victim)] = replacement;
    }
    stage.injected(
      `${kills} × kill -9 of one of ${WORKERS} workers, during ${count} transmissions per backend`,
    );

    await promiseSettled(stage, url, SETTLED_WITHIN);
    await judgeResend(stage, url, count, kills);
    await judgeHold(stage, url, count, kills);
    await promiseCounted(stage, url);
  },
};

async function untilSent(sender: Textyard, count: number): Promise<void> {
  for (;;) {
    const [row] = await sender.database.query<{ sent: number }>(
      'SELECT sum(sent_count)::int AS sent FROM messages',
    );
    if ((row?.sent ?? 0) >= count) return;
    await sleep(20);
  }
}

async function judgeResend(stage: Stage, url: string, count: number, kills: number): Promise<void> {
  const handed = readHandedOver(stage, 'resend');
  const states = await readStates(url, 'resend');
  stage.promise(
    'resend: none lost',
    states.sent === count && handed.transmissions === count,
    `${states.sent} of ${count} sent, ${handed.transmissions} handed over`,
  );
  const window = unknownWindow(POLICY);
  stage.promise(
    `resend: at most ${window} (batchSize × concurrency) handed over twice per kill`,
    handed.twice <= kills * window,
    `${handed.twice} twice in ${kills} kills, ${(handed.twice / kills).toFixed(1)} per kill`,
  );
}

async function judgeHold(stage: Stage, url: string, count: number, kills: number): Promise<void> {
  const handed = readHandedOver(stage, 'hold');
  const states = await readStates(url, 'hold');
  stage.promise('hold: none handed over twice', handed.twice === 0, `${handed.twice} twice`);
  const window = unknownWindow(POLICY);
  stage.promise(
    `hold: each unknown one is listed as a dead letter, at most ${window} per kill`,
    states.sent + states.unknownListed === count &&
      states.errored === states.unknownListed &&
      states.unknownListed <= kills * window,
    `${states.sent} sent + ${states.unknownListed} listed = ${states.sent + states.unknownListed} of ${count}`,
  );
  stage.promise(
    'hold: what counts as sent was handed over',
    handed.transmissions >= states.sent,
    `${states.sent} sent, ${handed.transmissions} handed over`,
  );
}
