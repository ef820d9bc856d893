/**
 * An application in a process of its own: `node application-process.ts URL`. It sends mailings and lone
 * texts, and takes inbound texts in, as its parent tells it; ends when its parent is gone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { openTextyard } from '../../src/index.ts';
import { type ApplicationNews, type ApplicationOrder, BACKENDS, MIX } from './mix.ts';

const TICK_MS = 20;
/** Transmissions of one round at full speed. */
const ROUND = 2_000;
/** At full speed the next round waits until no more jobs than this are queued. */
const FEW_JOBS = 20;

const [databaseUrl = ''] = process.argv.slice(2);
const yard = await openTextyard({
  config: { databaseUrl, backends: BACKENDS, apps: [] },
  log: pino({ level: 'error' }),
});
const backend = 'line';
const running = new Set<Promise<unknown>>();
let order = { kind: 'stop' } as ApplicationOrder;
let loneMs: number[] = [];
let rejected = 0;
let serial = 0;

process.on('message', (message: ApplicationOrder) => {
  order = message;
});
process.once('disconnect', () => yard.close().then(() => process.exit()));
setInterval(() => {
  const news: ApplicationNews = {
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    loneMs,
    rejected,
    stopped: order.kind === 'stop' && running.size === 0,
  };
  loneMs = [];
  process.send?.(news);
}, 1_000);

for (let owed = { lone: 0, inbound: 0, bulk: 0 }, before = performance.now(); ; ) {
  const now = performance.now();
  if (order.kind === 'full') {
    await atFullSpeed();
  } else if (order.kind === 'rate') {
    const due = ((now - before) / 1000) * order.perSecond;
    owed = {
      lone: owed.lone + due * MIX.lone,
      inbound: owed.inbound + due * MIX.inbound,
      bulk: owed.bulk + due * MIX.bulk,
    };
    for (; owed.lone >= 1; owed.lone -= 1) begin(sendLone());
    for (; owed.inbound >= 1; owed.inbound -= 1) begin(receive());
    // One mailing a second, as large as the rate wants it.
    if (owed.bulk >= order.perSecond * MIX.bulk) {
      begin(sendBulk(Math.floor(owed.bulk)));
      owed.bulk = 0;
    }
  }
  before = now;
  await sleep(TICK_MS);
}

async function atFullSpeed(): Promise<void> {
  begin(sendBulk(ROUND * MIX.bulk));
  for (let n = 0; n < ROUND * MIX.lone; n++) begin(sendLone());
  for (let n = 0; n < ROUND * MIX.inbound; n++) begin(receive());
  await Promise.all(running);
  for (;;) {
    const [row] = await yard.database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pgboss.job WHERE state < 'active'`,
    );
    if ((row?.n ?? 0) <= FEW_JOBS) return;
    await sleep(TICK_MS);
  }
}

function begin(call: Promise<unknown>): void {
  const settled: Promise<void> = call
    .then(
      () => {},
      () => {
        rejected += 1;
      },
    )
    .finally(() => running.delete(settled));
  running.add(settled);
}

async function sendLone(): Promise<void> {
  const began = performance.now();
  await yard.router.send('lone', { backend, identity: identity() });
  loneMs.push(performance.now() - began);
}

function sendBulk(recipients: number): Promise<unknown> {
  return yard.router.send(
    'bulk',
    Array.from({ length: recipients }, () => ({ backend, identity: identity() })),
  );
}

function receive(): Promise<unknown> {
  serial += 1;
  return yard.router.receive(
    'in',
    { backend, identity: identity() },
    { externalId: `mo-${process.pid}-${serial}` },
  );
}

/** A hundred thousand people, as an application has them: connections are found, not made, in the long run. */
function identity(): string {
  serial += 1;
  return `p${serial % 100_000}`;
}
