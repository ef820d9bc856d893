import { expect, it } from 'vitest';
import type { Config } from '../../src/config/settings.ts';
import type { Sql } from '../../src/store/sql.ts';
import { openTestYard, type TestYard } from '../support/yard.ts';

const config: Config = { backends: { a: { type: 'simulator', identities: 'any' } }, apps: [] };

/** The connection breaks when the server has committed the n-th transaction, before it can say so. */
function loseAnswer(yard: TestYard, nth: number): void {
  const transaction = yard.database.transaction.bind(yard.database);
  let transactions = 0;
  yard.database.transaction = async <T>(work: (sql: Sql) => Promise<T>, options?: { retry?: boolean }) => {
    const result = await transaction(work, options);
    transactions += 1;
    if (transactions === nth)
      throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
    return result;
  };
}

// The first call goes alone; those after it share the second commit, and are then tried one by one.
const CALLS = [0, 1, 2, 3];

it('sends whose commit was made, but not answered, are acknowledged and stored once', async () => {
  await using yard = await openTestYard(config);
  loseAnswer(yard, 2);
  const reports = await Promise.all(
    CALLS.map((n) => yard.router.send(`text ${n}`, { backend: 'a', identity: `p${n}` })),
  );
  expect(reports.map(({ replayed, queued }) => [replayed, queued])).toEqual(CALLS.map(() => [false, 1]));
  const rows = await yard.sql('SELECT id FROM messages ORDER BY text');
  expect(reports.map(({ id }) => id)).toEqual(rows.map((row) => row.id));
  const [stored] = await yard.sql('SELECT count(*)::int AS n FROM transmissions');
  const [queued] = await yard.sql(`SELECT sum((data->>'count')::int)::int AS n FROM pgboss.job`);
  expect([stored, queued]).toEqual([{ n: 4 }, { n: 4 }]);
});

it.each([
  ['with', (n: number) => ({ externalId: `mo-${n}` })],
  ['without', () => ({})],
])('inbound texts %s a provider id likewise', async (_, options) => {
  await using yard = await openTestYard(config);
  loseAnswer(yard, 2);
  const received = await Promise.all(
    CALLS.map((n) => yard.router.receive(`text ${n}`, { backend: 'a', identity: `p${n}` }, options(n))),
  );
  expect(received.map(({ duplicate }) => duplicate)).toEqual(CALLS.map(() => false));
  const rows = await yard.sql('SELECT id FROM messages ORDER BY text');
  expect(received.map(({ id }) => id)).toEqual(rows.map((row) => row.id));
});
