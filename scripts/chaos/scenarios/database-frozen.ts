import { setTimeout as sleep } from 'node:timers/promises';
import { people, simulatedLine, unknownWindow } from '../lines.ts';
import type { Scenario } from '../scenario.ts';
import { openSender } from '../sender.ts';
import { Traffic } from '../traffic.ts';
import { judgeTraffic } from '../traffic-promises.ts';
import { startWorker } from '../workers.ts';

/** Leases run out during the freeze, with results still in the workers' hands: the worst case. */
const POLICY = { batchSize: 50, concurrency: 2, leaseSeconds: 2 };
const WORKERS = 2;

/** As a virtual machine that is moved, or a disk that stalls. */
export const databaseFrozen: Scenario = {
  name: 'database-frozen',
  title: 'SIGSTOP of PostgreSQL for 30 s: connections stay open, and nothing answers',
  async run(stage) {
    const seconds = stage.size(30, 3);
    const backends = simulatedLine(stage, 'line', POLICY, { latencyMs: { mean: 20, spread: 10 } });
    const server = await stage.server();
    const { url } = server;
    const sender = await openSender(stage, url, backends);
    const workers = await Promise.all(
      Array.from({ length: WORKERS }, () => startWorker(stage, { url, backends, echo: true })),
    );
    await sender.router.send('mailing', people('line', stage.size(20_000, 2_000)));
    const calls = stage.size(20, 8);
    const traffic = new Traffic(sender, { backend: 'line', sends: calls, receives: calls, restMs: 20 });
    await sleep(stage.random.between(1_000, 1_500));
    server.freeze();
    stage.progress('frozen');
    await sleep(seconds * 1000);
    server.thaw();
    stage.progress('goes on');
    await sleep(2_000);
    await traffic.stop();
    stage.injected(
      `PostgreSQL stopped for ${seconds} s, with ${WORKERS} workers, ${calls} sends and ${calls} receives in flight`,
    );
    await judgeTraffic(stage, {
      url,
      backend: 'line',
      workers,
      traffic,
      mostTwice: WORKERS * unknownWindow(POLICY),
      window: 'batchSize × concurrency per worker, whose leases ended meanwhile',
      slowest: seconds + 20,
    });
  },
};
