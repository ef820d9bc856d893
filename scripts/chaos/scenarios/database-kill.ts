import { setTimeout as sleep } from 'node:timers/promises';
import { people, simulatedLine, unknownWindow } from '../lines.ts';
import type { Scenario } from '../scenario.ts';
import { openSender } from '../sender.ts';
import { Traffic } from '../traffic.ts';
import { judgeTraffic } from '../traffic-promises.ts';
import { startWorker } from '../workers.ts';

const POLICY = { batchSize: 50, concurrency: 2, leaseSeconds: 2 };
const WORKERS = 2;

/** The application, the workers and a mailing are all at it when the database goes. */
export const databaseKill: Scenario = {
  name: 'database-kill',
  title: 'kill -9 of PostgreSQL and all its processes while sending and receiving, then a restart',
  async run(stage) {
    const kills = stage.size(5, 1);
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
    for (let kill = 0; kill < kills; kill++) {
      await sleep(stage.random.between(1_000, stage.size(5_000, 1_500)));
      await server.kill();
      stage.progress('killed');
      await sleep(stage.random.between(100, stage.size(4_000, 1_000)));
      await server.start();
      stage.progress('started again');
    }
    await sleep(2_000);
    await traffic.stop();
    stage.injected(
      `${kills} × kill -9 of PostgreSQL, with ${WORKERS} workers, ${calls} sends and ${calls} receives in flight`,
    );
    await judgeTraffic(stage, {
      url,
      backend: 'line',
      workers,
      traffic,
      mostTwice: kills * WORKERS * unknownWindow(POLICY),
      window: 'batchSize × concurrency per worker and kill: claims may be lost with the server',
      slowest: 20,
    });
  },
};
