import type pg from 'pg';
import type { BenchCase, Sample, Setting } from '../case.ts';
import { openConnections } from '../floor/connections.ts';
import { receiptsByHand } from '../floor/receipts.ts';
import { BACKEND, fillConnections } from '../phones.ts';
import { perSecond, Stopwatch } from '../stopwatch.ts';
import { inFlight, openBenchYard } from '../yard.ts';

const PER_CALL = 100;
const IN_FLIGHT = 50;

/** One message whose transmissions are all S, and known to the provider as `x-0`, `x-1` … */
async function fillSent(sql: pg.Client, size: number): Promise<void> {
  await fillConnections(sql, size);
  const message = '01900000-0000-7000-8000-000000000000';
  await sql.query(
    `INSERT INTO messages (id, direction, status, text, recipients, sent_count, sent)
     VALUES ($1::uuid, 'O', 'S', 'Hello from the benchmark', $2::int, $2::int, now())`,
    [message, size],
  );
  await sql.query(
    `INSERT INTO transmissions (id, message_id, connection_id, backend_id, status, sent, attempts, segments, external_id)
     SELECT ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, $1::uuid, id, backend_id, 'S', now(), 1, 1, 'x-' || n
     FROM (SELECT id, backend_id, row_number() OVER (ORDER BY id) - 1 AS n FROM connections) AS c ORDER BY n`,
    [message],
  );
  await sql.query(
    `INSERT INTO correlations (backend_id, external_id, transmission_id)
     SELECT backend_id, external_id, id FROM transmissions ORDER BY id`,
  );
}

const transmissionId = (n: number) => `01900000-0000-7000-9000-${n.toString(16).padStart(12, '0')}`;
const externalId = (n: number) => `x-${n}`;

/** The ids of each call: neighbours, as a provider reports them. */
function callsOf(size: number, idOf: (n: number) => string): string[][] {
  const calls: string[][] = [];
  for (let at = 0; at < size; at += PER_CALL) {
    calls.push(Array.from({ length: Math.min(PER_CALL, size - at) }, (_, n) => idOf(at + n)));
  }
  return calls;
}

function apply(by: 'transmission' | 'external') {
  return async ({ url, size }: Setting): Promise<Sample> => {
    const yard = await openBenchYard(url);
    const delivered = { providerStatus: 'delivered', status: 'D' } as const;
    const calls =
      by === 'transmission'
        ? callsOf(size, transmissionId).map((ids) => ids.map((id) => ({ transmissionId: id, ...delivered })))
        : callsOf(size, externalId).map((ids) => ids.map((id) => ({ externalId: id, ...delivered })));
    const watch = new Stopwatch();
    await inFlight(calls.length, IN_FLIGHT, (n) => yard.router.receipt(BACKEND, calls[n] ?? []));
    const { ms, cpuMicros } = watch;
    const [message] = await yard.database.query<{ applied: number }>(
      'SELECT delivered_count AS applied FROM messages',
    );
    await yard.close();
    if (message?.applied !== size) throw new Error(`applied ${message?.applied} of ${size}`);
    return { perSecond: perSecond(size, ms), cpuMicrosEach: cpuMicros / size };
  };
}

function applyByHand(by: 'transmission' | 'external') {
  return async ({ url, size }: Setting): Promise<Sample> => {
    const connections = openConnections(url);
    const { rows } = await connections.durable.query('SELECT id FROM backends WHERE name = $1', [BACKEND]);
    const group = receiptsByHand(connections, rows[0].id, by);
    const calls = callsOf(size, by === 'transmission' ? transmissionId : externalId);
    const watch = new Stopwatch();
    await inFlight(calls.length, IN_FLIGHT, (n) => group.submit(calls[n] ?? []));
    const { ms, cpuMicros } = watch;
    await connections.close();
    return { perSecond: perSecond(size, ms), cpuMicrosEach: cpuMicros / size };
  };
}

export const receipts: BenchCase = {
  name: 'receipts',
  title: `delivery receipts, ${PER_CALL} a call, ${IN_FLIGHT} calls in flight: by our id, and by the provider's`,
  unit: 'receipts',
  size: 100_000,
  isDefault: true,
  contenders: [
    { name: 'ours, our id', prepare: fillSent, run: apply('transmission') },
    { name: 'floor, our id', prepare: fillSent, run: applyByHand('transmission') },
    { name: 'ours, their id', prepare: fillSent, run: apply('external') },
    { name: 'floor, their id', prepare: fillSent, run: applyByHand('external') },
  ],
  ratios: [
    { metric: 'perSecond', of: 'ours, our id', to: 'floor, our id' },
    { metric: 'perSecond', of: 'ours, their id', to: 'floor, their id' },
  ],
  limits: [
    { metric: 'perSecond', of: 'ours, our id', aim: { atLeast: 20_000 } },
    { metric: 'perSecond', of: 'ours, their id', aim: { atLeast: 20_000 } },
  ],
};
