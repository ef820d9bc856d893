import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { type Config, openTextyard, SendError, type Textyard } from '../../../src/index.ts';
import { promiseCounted, readStates, untilSettled } from '../audit.ts';
import { type Fault, FaultyBackend, hang, takeAll, talkNonsense } from '../faulty-backend.ts';
import { people } from '../lines.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** An hour is scaled down to seconds, and the waits between tries with it. */
const RETRY = { attempts: 4, baseSeconds: 0.3, maxSeconds: 1 };
const PATIENT = { attempts: 30, baseSeconds: 0.3, maxSeconds: 1 };
const THROTTLE_MS = 500;

/** Answers 1 in 2 with an error at the first try. */
const halfFail: Fault = async (batch, report, take) => {
  batch.transmissions.forEach((transmission, index) => {
    const { id: transmissionId, attempt } = transmission;
    if (attempt === 1 && index % 2 === 0) {
      report({ transmissionId, outcome: 'failed', code: 'provider_error', message: 'try again' });
      return;
    }
    take(transmission);
    report({ transmissionId, outcome: 'sent' });
  });
};

/** Refuses with a Retry-After, at first. */
function throttleAtFirst(calls: number): Fault {
  let left = calls;
  return async (batch, report, take, signal) => {
    left -= 1;
    if (left >= 0) throw new SendError('throttled', 'slow down', { retryAfterMs: THROTTLE_MS });
    await takeAll(batch, report, take, signal);
  };
}

const down: Fault = async () => {
  throw new SendError('network_unreachable', 'nobody there');
};

/** All faults at once in one worker, each on a line of its own. */
export const backendFaults: Scenario = {
  name: 'backend-faults',
  title: 'backends that hang, talk nonsense, half-fail, throttle, or are down, all in one worker',
  async run(stage) {
    const count = stage.size(5_000, 500);
    const downSeconds = stage.size(10, 3);
    const lines = {
      healthy: new FaultyBackend(takeAll),
      hang: new FaultyBackend(hang),
      nonsense: new FaultyBackend(talkNonsense),
      half: new FaultyBackend(halfFail),
      throttle: new FaultyBackend(throttleAtFirst(3)),
      patient: new FaultyBackend(down),
      impatient: new FaultyBackend(down),
    };
    const yard = await openWorkingYard(stage, await stage.database(), {
      healthy: { backend: lines.healthy },
      hang: { backend: lines.hang, timeoutMs: 300, onUnknown: 'hold', concurrency: 10 },
      nonsense: { backend: lines.nonsense, onUnknown: 'hold' },
      half: { backend: lines.half, retry: RETRY },
      throttle: { backend: lines.throttle, batchSize: 50, concurrency: 2 },
      patient: { backend: lines.patient, retry: PATIENT },
      impatient: { backend: lines.impatient, retry: RETRY },
    });
    await Promise.all(Object.keys(lines).map((name) => yard.router.send('hi', people(name, count))));
    await sleep(downSeconds * 1000);
    lines.patient.fault = takeAll;
    await untilGivenUp(yard, count);
    lines.impatient.fault = takeAll;
    stage.injected(
      `${count} transmissions to each of ${Object.keys(lines).join(', ')}; down for ${downSeconds} s`,
    );
    const seconds = await untilSettled(yard.database.url, 60);
    const open = seconds === undefined ? await openOnes(yard) : 'nothing open';
    stage.promise('nothing is stuck', seconds !== undefined, open);
    await judge(stage, yard, lines, count);
    await promiseCounted(stage, yard.database.url);
  },
};

async function openWorkingYard(
  stage: Stage,
  url: string,
  backends: NonNullable<Config['backends']>,
): Promise<Textyard> {
  const anyone = Object.entries(backends).map(([name, line]) => [name, { identities: 'any', ...line }]);
  const yard = await openTextyard({
    config: {
      databaseUrl: url,
      backends: Object.fromEntries(anyone),
      apps: [],
      worker: { pollSeconds: 0.5, shutdownSeconds: 2 },
    },
    log: pino({ level: 'silent' }),
  });
  stage.onClose(() => yard.close());
  await yard.startWorker();
  return yard;
}

/** So that the end of the outage does not come before the last try. */
async function untilGivenUp(yard: Textyard, count: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    if ((await readStates(yard.database.url, 'impatient')).errored === count) return;
    await sleep(100);
  }
}

async function openOnes(yard: Textyard): Promise<string> {
  const rows = await yard.database.query<{ name: string; status: string; n: number }>(
    `SELECT b.name, t.status::text, count(*)::int AS n FROM transmissions t JOIN backends b ON b.id = t.backend_id
     WHERE t.status IN ('Q', 'P') OR t.retry_at IS NOT NULL GROUP BY 1, 2`,
  );
  return rows.map((row) => `${row.name}: ${row.n} in ${row.status}`).join(', ');
}

type Lines = Record<
  'healthy' | 'hang' | 'nonsense' | 'half' | 'throttle' | 'patient' | 'impatient',
  FaultyBackend
>;

async function judge(stage: Stage, yard: Textyard, lines: Lines, count: number): Promise<void> {
  const { url } = yard.database;
  const told = async (name: keyof Lines) => {
    const states = await readStates(url, name);
    const { tries, mostTries, twice } = lines[name];
    const words = `${states.sent} sent, ${states.errored} errored, ${twice} taken twice, at most ${mostTries} tries`;
    return { states, tried: tries.size, mostTries, twice, words };
  };

  const healthy = await told('healthy');
  stage.promise(
    'a healthy line beside them sends everything, once',
    healthy.states.sent === count && healthy.mostTries === 1,
    healthy.words,
  );
  const hanging = await told('hang');
  stage.promise(
    'a line that hangs: each is told to be unknown after its time-out, held, and not tried again',
    hanging.states.unknownListed === count && hanging.mostTries === 1,
    hanging.words,
  );
  const nonsense = await told('nonsense');
  stage.promise(
    'nonsense: each ends as sent, as errored or held, and none is handed over twice',
    nonsense.states.sent + nonsense.states.errored === count && nonsense.twice === 0,
    `${nonsense.words}, ${nonsense.states.unknownListed} of them listed as unknown`,
  );
  const half = await told('half');
  stage.promise(
    'half a batch fails: those and only those are tried again',
    half.states.sent === count && half.twice === 0 && half.mostTries === 2,
    half.words,
  );
  const throttled = await told('throttle');
  const rest = longestRest(lines.throttle.calls);
  stage.promise(
    `throttled: rests as long as the provider said (${THROTTLE_MS} ms), and sends everything, once`,
    throttled.states.sent === count && throttled.twice === 0 && rest >= THROTTLE_MS * 0.95,
    `${throttled.words}; ${lines.throttle.calls.length} calls, the longest rest ${Math.round(rest)} ms`,
  );
  const patient = await told('patient');
  stage.promise(
    `down, with ${PATIENT.attempts} tries: all are sent when it is back, and no storm meanwhile`,
    patient.states.sent === count && patient.twice === 0 && patient.mostTries <= PATIENT.attempts,
    `${patient.words} of ${PATIENT.attempts}`,
  );
  const impatient = await told('impatient');
  stage.promise(
    `down, with ${RETRY.attempts} tries: given up after those, and listed`,
    impatient.states.errored === count && impatient.mostTries === RETRY.attempts,
    impatient.words,
  );

  await yard.router.redrive({ backend: 'impatient' });
  await untilSettled(url, 30);
  const redriven = await told('impatient');
  stage.promise(
    'what was given up on is sent when a person redrives it',
    redriven.states.sent === count && redriven.twice === 0,
    redriven.words,
  );
}

/** The longest time between two calls, in milliseconds. */
function longestRest(calls: readonly number[]): number {
  return Math.max(0, ...calls.slice(1).map((at, index) => at - (calls[index] ?? at)));
}
