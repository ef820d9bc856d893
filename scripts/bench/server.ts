/**
 * The PostgreSQL that a benchmark runs on: by default an embedded one of its own with the settings
 * that users get, in a folder that is removed afterwards. Every run of a contender gets a fresh copy
 * of a migrated template.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { migrateDatabase } from '../../src/index.ts';
import { acquireEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { openBenchYard } from './yard.ts';

export interface BenchServer {
  /** Connects to the server's maintenance database. */
  readonly url: string;
  /** A fresh migrated database, filled by `prepare`, vacuumed, and all of it on disk. */
  database(prepare?: (sql: pg.Client) => Promise<void>): Promise<BenchDatabase>;
  /** Drops what is left and stops the server if it is ours. */
  close(): Promise<void>;
}

export interface BenchDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/**
 * @param url a server to use instead, with the right to make databases on it
 * @param settings of PostgreSQL, for trying out what one would give; not for a server that is given
 */
export async function startServer(
  url?: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  const server = url === undefined ? await startEmbedded(settings) : { url, stop: async () => {} };
  const prefix = `textyard_bench_${randomBytes(4).toString('hex')}`;
  const template = `${prefix}_template`;
  const at = (name: string) => {
    const target = new URL(server.url);
    target.pathname = `/${name}`;
    return target.href;
  };
  await execute(server.url, `CREATE DATABASE ${template}`);
  const open = new Set([template]);
  const drop = async (name: string) => {
    await execute(server.url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    open.delete(name);
  };
  const close = async () => {
    for (const name of [...open]) await drop(name);
    await server.stop();
  };
  try {
    await migrateDatabase(at(template));
    // Makes the backend's row and its queue, which the floor needs too.
    const yard = await openBenchYard(at(template));
    await yard.close();
  } catch (error) {
    await close();
    throw error;
  }
  let serial = 0;
  return {
    url: server.url,
    close,
    async database(prepare) {
      serial += 1;
      const name = `${prefix}_${serial}`;
      open.add(name);
      await execute(server.url, `CREATE DATABASE ${name} TEMPLATE ${template}`);
      await withClient(at(name), async (client) => {
        await prepare?.(client);
        await vacuumFilled(client);
        await client.query('CHECKPOINT');
      });
      return { url: at(name), drop: () => drop(name) };
    },
  };
}

/**
 * Leaves empty tables alone: PostgreSQL would note that they are empty and plan, until the next
 * ANALYZE, as if they stayed so. Nor does autovacuum look at a table that nobody has written to.
 */
async function vacuumFilled(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `SELECT format('%I.%I', schemaname, relname) AS name FROM pg_stat_user_tables ORDER BY 1`,
  );
  for (const { name } of rows) {
    const { rowCount } = await client.query(`SELECT FROM ${name} LIMIT 1`);
    if (rowCount) await client.query(`VACUUM ANALYZE ${name}`);
  }
}

async function startEmbedded(
  settings: Readonly<Record<string, string>>,
): Promise<{ url: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'textyard-bench-'));
  // The account PostgreSQL runs under must get through when the benchmark runs as root.
  chmodSync(folder, 0o755);
  const server = await acquireEmbeddedPostgres({ directory: join(folder, '.textyard'), settings });
  return {
    url: server.url,
    async stop() {
      await server.release();
      rmSync(folder, { recursive: true, force: true });
      if (!server.dataDirectory.startsWith(folder)) {
        rmSync(dirname(server.dataDirectory), { recursive: true, force: true });
      }
    },
  };
}

/** Runs `work` with a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function execute(url: string, statement: string): Promise<unknown> {
  return withClient(url, (client) => client.query(statement));
}
