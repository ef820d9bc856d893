/**
 * A worker in a process of its own: `node worker-process.ts JSON`. Tells its parent when it works,
 * how much memory it has every 200 ms and, if asked, what it was handed and when.
 */
import type { Backend } from '../../src/index.ts';
import type { WorkerMessage, WorkerOrder } from './worker-processes.ts';
import { DO_NOTHING, openBenchYard } from './yard.ts';

const order = JSON.parse(process.argv[2] ?? '{}') as WorkerOrder;
const tell = (message: WorkerMessage) => process.send?.(message);

/** Tells when each text reached it, by the clock that all processes of a machine share. */
const telltale: Backend = {
  receiptsBy: 'transmission',
  async send(batch, report) {
    const at = Number(process.hrtime.bigint()) / 1e6;
    for (const { id, text } of batch.transmissions) {
      tell({ kind: 'handed', text, at });
      report({ transmissionId: id, outcome: 'sent' });
    }
  },
};

const slow = { ...DO_NOTHING, latencyMs: { mean: order.latencyMs ?? 0 } };
const yard = await openBenchYard(order.url, order.tellTimes ? { backend: telltale } : slow);
await yard.startWorker();
const tellMemory = () => tell({ kind: 'memory', rssMb: process.memoryUsage.rss() / 2 ** 20 });
tellMemory();
const sampling = setInterval(tellMemory, 200);
tell({ kind: 'ready' });
process.once('disconnect', async () => {
  clearInterval(sampling);
  await yard.close();
});
