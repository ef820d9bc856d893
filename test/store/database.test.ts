import { expect, it } from 'vitest';
import { Database } from '../../src/store/database.ts';
import { createTestDatabase } from '../support/database.ts';

async function withDatabase(
  options: { queryTimeoutMs?: number },
  work: (database: Database) => Promise<void>,
) {
  const { url, drop } = await createTestDatabase({ empty: true });
  const database = new Database({ url, ...options });
  try {
    await work(database);
  } finally {
    await database.close();
    await drop();
  }
}

const END_OTHERS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()`;

it('outlives a connection that breaks between two statements of a transaction', async () => {
  await withDatabase({}, async (database) => {
    const broken = database.transaction(async (sql) => {
      await sql.query('SELECT 1');
      await database.query(END_OTHERS);
      // Long enough for the end to be heard while nothing is asked.
      await new Promise((resolve) => setTimeout(resolve, 100));
      await sql.query('SELECT 2');
    });
    await expect(broken).rejects.toThrow();
    expect(await database.query('SELECT 3 AS three')).toEqual([{ three: 3 }]);
  });
});

it('gives up a transaction after one time-out, and not after a second one of its rollback', async () => {
  await withDatabase({ queryTimeoutMs: 1_000 }, async (database) => {
    const began = performance.now();
    await expect(database.transaction((sql) => sql.query('SELECT pg_sleep(4)'))).rejects.toThrow(/timeout/);
    expect(performance.now() - began).toBeLessThan(1_800);
  });
});

it('tells in one line that the database is away, and leaves refusals as they are', async () => {
  const away = new Database({ url: 'postgresql://u:secret@127.0.0.1:1/x' });
  const told = away.tellingOutages(() => away.query('SELECT 1'));
  await expect(told).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringMatching(/^Nothing answers at/),
  });
  await away.close();
  await withDatabase({}, async (database) => {
    const refused = database.tellingOutages(() => database.query('SELECT nonsense'));
    await expect(refused).rejects.toMatchObject({ code: '42703' });
  });
});

it('does not take the error of a stream for one of its own', async () => {
  await withDatabase({}, async (database) => {
    const missing = Object.assign(new Error('no such file'), { code: 'ENOENT' });
    const failed = database.streamingTransaction(async (sql) => {
      await sql.query('SELECT 1');
      throw missing;
    });
    await expect(failed).rejects.toBe(missing);
    const cut = database.streamingTransaction(async (sql) => {
      await sql.query('SELECT 1');
      await database.query(END_OTHERS);
      await sql.query('SELECT 2');
    });
    await expect(cut).rejects.toMatchObject({ kind: 'unavailable' });
  });
  const away = new Database({ url: 'postgresql://u:secret@127.0.0.1:1/x' });
  await expect(away.streamingTransaction(async () => 1)).rejects.toMatchObject({ kind: 'unavailable' });
  await away.close();
});
