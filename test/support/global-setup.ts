/**
 * One PostgreSQL for the whole test run, with one migrated database that every test database is
 * copied from (see database.ts).
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { describeConnectionError } from '../../src/store/connection-errors.ts';
import { acquireEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';
import { installQueueSchema } from './queue-schema.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connects to the server's maintenance database, with the right to make databases. */
    serverUrl: string;
    /** Every database of this run is called this and more; the template is called `<prefix>template`. */
    databasePrefix: string;
  }
}

interface Server {
  url: string;
  stop(): Promise<void>;
}

async function startServer(): Promise<Server> {
  const given = process.env.TEXTYARD_TEST_DATABASE_URL;
  if (given) return { url: given, stop: async () => {} };
  const folder = mkdtempSync(join(tmpdir(), 'textyard-test-'));
  // The account PostgreSQL runs under must get through when the tests run as root.
  chmodSync(folder, 0o755);
  const server = await acquireEmbeddedPostgres({
    directory: join(folder, '.textyard'),
    settings: {
      fsync: 'off',
      synchronous_commit: 'on',
      full_page_writes: 'off',
      max_connections: 200,
      shared_buffers: '256MB',
      max_wal_size: '2GB',
    },
  });
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

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer();
  const databasePrefix = `textyard_test_${randomBytes(4).toString('hex')}_`;
  const template = new URL(server.url);
  template.pathname = `/${databasePrefix}template`;
  await administer(server.url, (client) => client.query(`CREATE DATABASE ${databasePrefix}template`));
  await migrate(template.href);
  await installQueueSchema(template.href);
  project.provide('serverUrl', server.url);
  project.provide('databasePrefix', databasePrefix);
  return async () => {
    if (process.env.TEXTYARD_TEST_DATABASE_URL) await dropDatabases(server.url, databasePrefix);
    await server.stop();
  };
}

/** Also those of tests that failed before they could drop theirs. */
async function dropDatabases(url: string, prefix: string): Promise<void> {
  await administer(url, async (client) => {
    const { rows } = await client.query('SELECT datname FROM pg_database WHERE starts_with(datname, $1)', [
      prefix,
    ]);
    for (const { datname } of rows) await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  });
}

async function administer(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await work(client);
  } catch (error) {
    throw describeConnectionError(error, url);
  } finally {
    await client.end().catch(() => {});
  }
}
