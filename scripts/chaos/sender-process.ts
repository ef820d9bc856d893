/**
 * Sends in a process of its own, to be killed: `node sender-process.ts JSON` with a `SenderOrder`.
 * What was acknowledged goes to a file before anything else happens.
 */
import { appendFileSync } from 'node:fs';
import { setClock } from './clock.ts';
import type { SenderNews, SenderOrder } from './senders.ts';

const order = JSON.parse(process.argv[2] ?? '{}') as SenderOrder;
const tell = (news: SenderNews) => process.send?.(news);

// Before anything else is loaded, so that nothing keeps the true clock.
if (order.clockShiftMs !== undefined) setClock(order.clockShiftMs);

const { pino } = await import('pino');
const { openTextyard } = await import('../../src/index.ts');
const yard = await openTextyard({
  config: { databaseUrl: order.url, backends: order.backends, apps: [] },
  log: pino({ level: 'silent' }),
});
const [backend = ''] = Object.keys(order.backends);
const acknowledge = ({ id }: { id: string }) => appendFileSync(order.acknowledged, `${id}\n`);
tell({ kind: 'ready' });
process.once('disconnect', () => process.exit());

if (order.mode === 'bulk') {
  acknowledge(
    await yard.router.send(`bulk ${order.name}`, stream(), {
      ...order.options,
      onProgress: (count) => tell({ kind: 'written', count }),
    }),
  );
  await yard.close();
  process.disconnect();
} else {
  let n = 0;
  await Promise.all(
    Array.from({ length: 200 }, async () => {
      for (;;) {
        const identity = `${order.name}-${n++}`;
        acknowledge(await yard.router.send(`single ${order.name}`, { backend, identity }, order.options));
      }
    }),
  );
}

async function* stream() {
  for (let n = 0; n < order.recipients; n++) yield { backend, identity: `${order.name}-${n}` };
}
