import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import type { Backend } from '../../../src/index.ts';
import type { BenchCase, Sample, Setting } from '../case.ts';
import { BACKEND, fillConnections, phone } from '../phones.ts';
import { collectPlans } from '../statement-plans.ts';
import { type StatementTime, timeStatements } from '../statement-times.ts';
import { openBenchYard, untilSent } from '../yard.ts';

/** Transmissions of a statement. */
const BATCH = 200;
const REPEATS = 60;
const RECIPIENTS_PER_MESSAGE = 1_000;
/** Phones there are: each got several messages in the past. */
const phonesFor = (rows: number) => Math.max(2_000, Math.round(rows / 10));

/** The statements that every transmission passes, by what is in their text. */
const STATEMENTS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['receipt', /INSERT INTO receipts/],
  ['insert', /INSERT INTO transmissions/],
  ['claim', /UPDATE transmissions[\s\S]*status = 'P'/],
  ['record', /UPDATE transmissions[\s\S]*external_id =/],
  ['enqueue', /INSERT INTO pgboss\.job/],
  ['fetch', /pgboss\.job[\s\S]*SKIP LOCKED/],
  ['complete', /UPDATE pgboss\.job[\s\S]*'completed'/],
];
const nameOf = (text: string) => STATEMENTS.find(([, pattern]) => pattern.test(text))?.[0];

/** Traffic of the past: without constraints and indexes while it is written, with all of them again after. */
async function fillPast(sql: pg.Client, rows: number): Promise<void> {
  await fillConnections(sql, phonesFor(rows));
  await sql.query(
    `INSERT INTO messages (id, direction, status, text, recipients, delivered_count, date, sent, delivered)
     SELECT ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'O', 'D', 'Long ago', $1::int, $1::int,
       now() - interval '30 days', now() - interval '30 days', now() - interval '30 days'
     FROM generate_series(0, $2::int) AS n`,
    [RECIPIENTS_PER_MESSAGE, Math.ceil(rows / RECIPIENTS_PER_MESSAGE)],
  );
  const { rows: constraints } = await sql.query<{ drop: string; make: string }>(
    `SELECT format('ALTER TABLE transmissions DROP CONSTRAINT %I', conname) AS drop,
       format('ALTER TABLE transmissions ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) AS make
     FROM pg_constraint WHERE conrelid = 'transmissions'::regclass AND contype IN ('f', 'p')
     ORDER BY contype = 'f'`,
  );
  const { rows: indexes } = await sql.query<{ drop: string; make: string }>(
    `SELECT format('DROP INDEX %s', indexrelid::regclass) AS drop, pg_get_indexdef(indexrelid) AS make
     FROM pg_index WHERE indrelid = 'transmissions'::regclass AND NOT indisprimary`,
  );
  const around = [...constraints, ...indexes];
  for (const { drop } of around) await sql.query(drop);
  await sql.query(
    // The phones of one message differ, as 7919 is prime.
    `INSERT INTO transmissions (id, message_id, connection_id, backend_id, status, date, updated, sent, delivered, external_id, attempts, segments)
     SELECT ('01800000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid,
       ('01800000-0000-7000-8000-' || lpad(to_hex(n / $1::int), 12, '0'))::uuid,
       c.first + (n::bigint * 7919) % $2::bigint, c.backend_id, 'D', c.past, c.past, c.past, c.past, 'old-' || n, 1, 1
     FROM generate_series(0, $3::int - 1) AS n,
       (SELECT min(id) AS first, min(backend_id) AS backend_id, now() - interval '30 days' AS past FROM connections) AS c`,
    [RECIPIENTS_PER_MESSAGE, phonesFor(rows), rows],
  );
  await sql.query(`SET maintenance_work_mem = '1GB'`);
  for (const { make } of around) await sql.query(make);
}

/** Sends batches to random phones, receipts and all, and times what PostgreSQL is asked on the way. */
async function run({ url, size, plans, brief }: Setting): Promise<Sample> {
  let handed: string[] = [];
  const backend: Backend = {
    receiptsBy: 'transmission',
    async send(batch, report) {
      handed = batch.transmissions.map(({ id }) => id);
      for (const transmissionId of handed)
        report({ transmissionId, outcome: 'sent', externalId: `x-${transmissionId}` });
    },
  };
  const yard = await openBenchYard(url, { backend });
  await yard.startWorker();
  const phones = phonesFor(size);
  const step = async () => {
    const identities = new Set<string>();
    while (identities.size < BATCH) identities.add(phone(Math.floor(Math.random() * phones)));
    const report = await yard.router.send(
      'Hello from the benchmark',
      [...identities].map((identity) => ({ backend: BACKEND, identity })),
    );
    await untilSent(yard, report.id);
    await yard.router.receipt(
      BACKEND,
      handed.map((transmissionId) => ({ transmissionId, providerStatus: 'delivered', status: 'D' })),
    );
  };
  const repeats = brief ? 2 : REPEATS;
  for (let n = 0; n < repeats / 2; n++) await step();
  const times = timeStatements();
  for (let n = 0; n < repeats; n++) await step();
  const sample = millisecondsEach(times());
  if (plans !== undefined) {
    const collected = collectPlans(nameOf);
    await step();
    collected.stop();
    mkdirSync(plans, { recursive: true });
    for (const [name, plan] of collected.plans)
      writeFileSync(join(plans, `${name}-${size}.txt`), `${plan}\n`);
  }
  await yard.close();
  return sample;
}

function millisecondsEach(times: readonly StatementTime[]): Sample {
  const sample: Record<string, number> = {};
  for (const [name] of STATEMENTS) {
    const own = times.filter(({ text }) => nameOf(text) === name);
    // Also those fetches that found nothing: there are as many with either size of table.
    const runs = own.reduce((sum, time) => sum + time.runs, 0);
    if (runs > 0) sample[`${name}Ms`] = own.reduce((sum, time) => sum + time.totalMs, 0) / runs;
  }
  return sample;
}

export const bigTables: BenchCase = {
  name: 'big-tables',
  title: `statements of ${BATCH} transmissions on tables full of the past, against empty ones`,
  unit: 'rows of transmissions',
  size: 10_000_000,
  isDefault: false,
  contenders: [
    { name: 'empty', share: 0, shared: 'empty', prepare: (sql) => fillConnections(sql, phonesFor(0)), run },
    { name: 'full', shared: 'full', prepare: fillPast, run },
  ],
  ratios: STATEMENTS.map(([name]) => ({ metric: `${name}Ms`, of: 'full', to: 'empty' })),
  limits: [],
};
