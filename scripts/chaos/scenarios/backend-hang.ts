import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { openTextyard, type Textyard } from '../../../src/index.ts';
import { type Fault, FaultyBackend, takeAll } from '../faulty-backend.ts';
import { people } from '../lines.ts';
import type { Scenario } from '../scenario.ts';

/** How fast the other line must stay; a test run shares its two cores with others. */
const SHARE = { full: 0.9, short: 0.4 };

/** A line that hangs and one that works, in one worker; measured alone and together, in turns. */
export const backendHang: Scenario = {
  name: 'backend-hang',
  title: 'the throughput of one backend while another hangs, by that alone',
  async run(stage) {
    const count = stage.size(30_000, 4_000);
    const rounds = stage.size(7, 2);
    const hanging = hangUntilReleased();
    const a = new FaultyBackend(hanging.fault);
    const b = new FaultyBackend(takeAll);
    const yard = await openTextyard({
      config: {
        databaseUrl: await stage.database(),
        backends: {
          a: { backend: a, identities: 'any', timeoutMs: 120_000 },
          b: { backend: b, identities: 'any' },
        },
        apps: [],
        worker: { pollSeconds: 0.5, shutdownSeconds: 2 },
      },
      log: pino({ level: 'silent' }),
    });
    stage.onClose(() => yard.close());
    await yard.startWorker();
    await throughput(yard, b, count, 'warm-up');
    const alone: number[] = [];
    const together: number[] = [];
    for (let round = 0; round < rounds; round++) {
      alone.push(await throughput(yard, b, count, `alone-${round}`));
      hanging.begin();
      const calls = a.calls.length;
      await yard.router.send('hi', people('a', 4_000, `a-${round}-`));
      while (a.calls.length < calls + 4) await sleep(5);
      together.push(await throughput(yard, b, count, `together-${round}`));
      hanging.release();
      await untilSent(yard, 'a');
    }
    stage.injected(`${rounds} rounds: ${count} by B alone, then ${count} by B while all calls of A hang`);
    const share = middle(together) / middle(alone);
    const least = stage.short ? SHARE.short : SHARE.full;
    stage.promise(
      `B keeps ${least} of its throughput`,
      share >= least,
      `${share.toFixed(2)}: ${Math.round(middle(together))} a second beside ${Math.round(middle(alone))} alone`,
    );
  },
};

function hangUntilReleased() {
  let gate: PromiseWithResolvers<void> | undefined;
  const fault: Fault = async (batch, report, take, signal) => {
    await gate?.promise;
    await takeAll(batch, report, take, signal);
  };
  return {
    fault,
    begin: () => {
      gate = Promise.withResolvers<void>();
    },
    release: () => gate?.resolve(),
  };
}

/** Transmissions a second from the first call to the last result's commit. */
async function throughput(yard: Textyard, b: FaultyBackend, count: number, name: string): Promise<number> {
  const calls = b.calls.length;
  // Written before the first is fetched, so that only the sending is measured.
  await yard.database.query(`UPDATE backends SET state = 'paused' WHERE name = 'b'`);
  await sleep(1_200);
  await yard.router.send('hi', people('b', count, `b-${name}-`));
  await yard.database.query(`UPDATE backends SET state = 'running' WHERE name = 'b'`);
  await untilSent(yard, 'b');
  return (count / (performance.now() - (b.calls[calls] ?? 0))) * 1000;
}

async function untilSent(yard: Textyard, backend: string): Promise<void> {
  for (;;) {
    const [row] = await yard.database.query<{ open: number }>(
      `SELECT COALESCE(sum(m.recipients - m.sent_count), 0)::int AS open FROM messages m
       WHERE EXISTS (SELECT FROM transmissions t JOIN backends b ON b.id = t.backend_id
         WHERE t.message_id = m.id AND b.name = $1)`,
      [backend],
    );
    if (row?.open === 0) return;
    await sleep(10);
  }
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
