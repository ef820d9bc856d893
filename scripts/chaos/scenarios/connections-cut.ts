import { setTimeout as sleep } from 'node:timers/promises';
import { people, simulatedLine } from '../lines.ts';
import { query } from '../postgres-server.ts';
import type { Scenario } from '../scenario.ts';
import { openSender } from '../sender.ts';
import { Traffic } from '../traffic.ts';
import { judgeTraffic } from '../traffic-promises.ts';
import { startWorker } from '../workers.ts';

/** The lease outlives the cuts, so nobody takes over what a living worker holds. */
const POLICY = { batchSize: 50, concurrency: 2, leaseSeconds: 15 };

/** As a firewall, a pooler or an administrator does it. */
export const connectionsCut: Scenario = {
  name: 'connections-cut',
  title: 'every connection to PostgreSQL ended every 200 ms for 5 s',
  async run(stage) {
    const seconds = stage.size(5, 2);
    const count = stage.size(2, 1);
    const backends = simulatedLine(stage, 'line', POLICY, { latencyMs: { mean: 20, spread: 10 } });
    const url = await stage.database();
    const sender = await openSender(stage, url, backends);
    const workers = await Promise.all(
      Array.from({ length: count }, () => startWorker(stage, { url, backends, echo: true })),
    );
    await sender.router.send('mailing', people('line', stage.size(10_000, 2_000)));
    const calls = stage.size(20, 8);
    const traffic = new Traffic(sender, { backend: 'line', sends: calls, receives: calls, restMs: 20 });
    await sleep(500);
    let cut = 0;
    for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
      const rows = await query<{ cut: boolean }>(
        url,
        `SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'textyard%'`,
      );
      cut += rows.filter((row) => row.cut).length;
      await sleep(200);
    }
    await sleep(1_000);
    await traffic.stop();
    stage.injected(`${cut} connections ended within ${seconds} s`);
    await judgeTraffic(stage, {
      url,
      backend: 'line',
      workers,
      traffic,
      mostTwice: 0,
      window: 'living workers keep their results until they are written',
      slowest: 20,
    });
  },
};
