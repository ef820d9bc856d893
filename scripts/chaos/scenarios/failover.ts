import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { people, simulatedLine, unknownWindow } from '../lines.ts';
import type { Scenario } from '../scenario.ts';
import { openSender } from '../sender.ts';
import { makeSynchronousStandby, promote } from '../standby.ts';
import { TcpProxy } from '../tcp-proxy.ts';
import { Traffic } from '../traffic.ts';
import { judgeTraffic } from '../traffic-promises.ts';
import { startWorker } from '../workers.ts';

const POLICY = { batchSize: 50, concurrency: 2, leaseSeconds: 2 };

/** Everybody connects through one address, which is switched after the standby's promotion. */
export const failover: Scenario = {
  name: 'failover',
  title: 'kill -9 of a primary with a synchronous standby, which is promoted and takes over its address',
  async run(stage) {
    const primary = await stage.server();
    const standby = await makeSynchronousStandby(
      primary,
      join(stage.folder, 'standby'),
      stage.short ? { fsync: 'off' } : {},
    );
    stage.onClose(() => standby.stop());
    const proxy = new TcpProxy(primary.port);
    const address = new URL(primary.url);
    address.port = String(await proxy.listen());
    const url = address.href;
    stage.onClose(() => proxy.close());

    const count = stage.size(2, 1);
    const backends = simulatedLine(stage, 'line', POLICY, { latencyMs: { mean: 20, spread: 10 } });
    const sender = await openSender(stage, url, backends);
    const workers = await Promise.all(
      Array.from({ length: count }, () => startWorker(stage, { url, backends, echo: true })),
    );
    await sender.router.send('mailing', people('line', stage.size(20_000, 2_000)));
    const calls = stage.size(20, 8);
    const traffic = new Traffic(sender, { backend: 'line', sends: calls, receives: calls, restMs: 20 });
    await sleep(stage.random.between(1_000, stage.size(5_000, 1_500)));
    await primary.kill();
    stage.progress('primary killed');
    // The address may point to the standby before that can be written to.
    const isEarly = stage.random.next() < 0.5;
    if (isEarly) proxy.switchTo(standby.port);
    await sleep(stage.random.between(100, 1_000));
    await promote(standby);
    if (!isEarly) proxy.switchTo(standby.port);
    stage.progress('standby promoted');
    await sleep(2_000);
    await traffic.stop();
    stage.injected(
      `primary killed, standby promoted, address switched ${isEarly ? 'before' : 'after'} that, with ${count} workers, ${calls} sends and ${calls} receives in flight`,
    );
    await judgeTraffic(stage, {
      url,
      backend: 'line',
      workers,
      traffic,
      mostTwice: count * unknownWindow(POLICY),
      window: 'batchSize × concurrency per worker: claims may be lost with the primary',
      slowest: 20,
    });
  },
};
