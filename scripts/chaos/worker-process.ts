/**
 * A worker in a process of its own: `node worker-process.ts JSON` with a `WorkerOrder`. Tells its
 * parent when it works; ends when the parent is gone.
 */
import { type ClockOrder, setClock } from './clock.ts';
import type { WorkerNews, WorkerOrder } from './workers.ts';

const order = JSON.parse(process.argv[2] ?? '{}') as WorkerOrder;
const tell = (news: WorkerNews) => process.send?.(news);

// Before anything else is loaded, so that nothing keeps the true clock.
if (order.clockShiftMs !== undefined) setClock(order.clockShiftMs);
process.on('message', (message: ClockOrder) => setClock(message.clockShiftMs));

// A ledger of this process's own: see ledgerFile in audit.ts.
const backends = JSON.parse(JSON.stringify(order.backends).replaceAll('%p', String(process.pid)));

const { pino } = await import('pino');
const { echo, openTextyard } = await import('../../src/index.ts');
const yard = await openTextyard({
  config: {
    databaseUrl: order.url,
    backends,
    apps: order.echo ? [echo()] : [],
    worker: { pollSeconds: 0.5, shutdownSeconds: 5, ...order.worker },
  },
  log: pino({ level: 'info' }, pino.destination({ dest: order.logFile, sync: true })),
});
await yard.startWorker();
if (order.tellMemory) {
  const sample = () => tell({ kind: 'memory', rssMb: process.memoryUsage.rss() / 2 ** 20 });
  sample();
  setInterval(sample, 1_000).unref();
}
tell({ kind: 'ready' });
process.once('disconnect', () => yard.close());
