/**
 * Brings a database to the schema of this version, and tells how far it is from it. Writes
 * Prisma's own `_prisma_migrations`, so `npx prisma migrate deploy` can take over at any time.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DiffTarget, MigrationList, SchemaFilter } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { TextyardError } from '../errors.ts';
import { assertConnectionUrl, describeConnectionError } from './connection-errors.ts';
import { type LastError, withSchemaEngine } from './schema-engine.ts';
import { type Sql, sqlFromPg } from './sql.ts';

/** src/store/ and dist/store/ are equally deep. */
const PRISMA_FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'prisma');

/** Any number that is always the same; Prisma's own lock is 72707369. */
const MIGRATION_LOCK = 7_464_590_218;

/** As the engine makes it; where it is, the engine does not mind other programs' tables. */
const PRISMA_MIGRATIONS = `CREATE TABLE "_prisma_migrations" (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)`;

const NO_FILTER: SchemaFilter = { externalTables: [], externalEnums: [] };

export interface MigrateOptions {
  /** Told in a few words what is being done. */
  onProgress?: (message: string) => void;
  /** The folder that holds schema.prisma and migrations/; the package's own unless given. */
  prismaFolder?: string;
}

/**
 * - `current`: every migration of this version is applied, and no other
 * - `empty`: none is
 * - `older`: some are not
 * - `newer`: there are migrations of a later version
 * - `failed`: a migration was started and did not end
 */
export type SchemaState = 'current' | 'older' | 'newer' | 'empty' | 'failed';

/**
 * Applies the migrations that are missing; nothing happens if there are none. Safe to run from
 * several places at once: the others wait, then find nothing to do.
 * @returns the names of the migrations applied
 * @throws TextyardError('unavailable' or 'configuration') if the database cannot be used
 * @throws TextyardError('schema_mismatch') if the database is newer, or a migration failed
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<string[]> {
  const onProgress = options.onProgress ?? (() => {});
  const folder = options.prismaFolder ?? PRISMA_FOLDER;
  return await withConnection(url, async (client) => {
    const sql = sqlFromPg(client);
    // Held by a transaction and not by the session, so that it also works through PgBouncer.
    await client.query('BEGIN');
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    await client.query('SET LOCAL lock_timeout = 0');
    await client.query('SET LOCAL statement_timeout = 0');
    const { rows } = await client.query('SELECT pg_try_advisory_xact_lock($1) AS taken', [MIGRATION_LOCK]);
    if (!rows[0]?.taken) {
      onProgress('waiting for another migration to end');
      await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    }
    const history = await readHistory(sql, folder);
    const state = stateOf(history);
    if (state === 'current') {
      onProgress('the schema is current');
      return [];
    }
    if (state === 'newer') throw mismatch('newer', history);
    if (state === 'empty' && history.unknown.length > 0) {
      throw new TextyardError(
        'configuration',
        `The table "_prisma_migrations" of this database belongs to another program (it has ${history.unknown[0]}): give Textyard a database of its own.`,
      );
    }
    if (!history.hasTable) await makeRoom(url, folder);
    const applied = await apply(url, folder, history.failed, onProgress);
    for (const name of applied) onProgress(`applied ${name}`);
    return applied;
  });
}

/** How the schema of a database stands to the migrations of this version. */
export async function schemaState(
  database: string | Sql,
  options: MigrateOptions = {},
): Promise<SchemaState> {
  return stateOf(await historyOf(database, options.prismaFolder ?? PRISMA_FOLDER));
}

/** @throws TextyardError('schema_mismatch') that says what to do, unless the schema is current */
export async function assertSchemaCurrent(
  database: string | Sql,
  options: MigrateOptions = {},
): Promise<void> {
  const history = await historyOf(database, options.prismaFolder ?? PRISMA_FOLDER);
  const state = stateOf(history);
  if (state !== 'current') throw mismatch(state, history);
}

/** The SQL that would turn the database into schema.prisma; empty if they agree. */
export async function schemaDifference(url: string, options: MigrateOptions = {}): Promise<string> {
  const path = join(options.prismaFolder ?? PRISMA_FOLDER, 'schema.prisma');
  const files = [{ path, content: readFileSync(path, 'utf8') }];
  const from: DiffTarget = { tag: 'schemaDatasource', files, configDir: dirname(path) };
  const to: DiffTarget = { tag: 'schemaDatamodel', files };
  return await withSchemaEngine(url, async (engine) => {
    const result = await engine.diff({ from, to, script: true, exitCode: true, filters: NO_FILTER });
    return result.exitCode === 0 ? '' : (result.stdout ?? 'unknown difference');
  });
}

interface History {
  hasTable: boolean;
  /** Of this version and applied, in order. */
  applied: string[];
  /** Of this version and not applied. */
  missing: string[];
  /** Applied and not of this version. */
  unknown: string[];
  failed: string[];
}

function stateOf(history: History): SchemaState {
  if (history.failed.length > 0) return 'failed';
  if (history.applied.length === 0) return 'empty';
  if (history.unknown.length > 0) return 'newer';
  return history.missing.length > 0 ? 'older' : 'current';
}

function mismatch(state: Exclude<SchemaState, 'current'>, history: History): TextyardError {
  const run = 'run "npm run migrate" (or "textyard migrate")';
  const lines = {
    empty: `The database has no Textyard tables yet: ${run}.`,
    older: `The database is older than this version of Textyard (missing: ${history.missing.join(', ')}): ${run}.`,
    newer: `The database is newer than this version of Textyard (it has ${history.unknown.join(', ')}): upgrade textyard.`,
    failed: `A migration of the database did not end (${history.failed.join(', ')}): ${run} once no other migration is running.`,
  };
  return new TextyardError('schema_mismatch', lines[state]);
}

async function historyOf(database: string | Sql, folder: string): Promise<History> {
  if (typeof database !== 'string') return await readHistory(database, folder);
  return await withConnection(database, (client) => readHistory(sqlFromPg(client), folder));
}

async function readHistory(sql: Sql, folder: string): Promise<History> {
  const names = migrationNames(folder);
  const [table] = await sql.query<{ found: boolean }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS found`,
  );
  if (!table?.found) return { hasTable: false, applied: [], missing: names, unknown: [], failed: [] };
  const rows = await sql.query<{ name: string; finished: boolean }>(
    `SELECT migration_name AS name, bool_or(finished_at IS NOT NULL) AS finished
     FROM _prisma_migrations WHERE rolled_back_at IS NULL GROUP BY migration_name ORDER BY migration_name`,
  );
  const finished = new Set(rows.filter((row) => row.finished).map((row) => row.name));
  return {
    hasTable: true,
    applied: names.filter((name) => finished.has(name)),
    missing: names.filter((name) => !finished.has(name)),
    unknown: [...finished].filter((name) => !names.includes(name)),
    failed: rows.filter((row) => !row.finished).map((row) => row.name),
  };
}

function migrationNames(folder: string): string[] {
  return readdirSync(join(folder, 'migrations'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function migrationList(folder: string): MigrationList {
  const baseDir = join(folder, 'migrations');
  return {
    baseDir,
    shadowDbInitScript: '',
    lockfile: {
      path: 'migration_lock.toml',
      content: readFileSync(join(baseDir, 'migration_lock.toml'), 'utf8'),
    },
    migrationDirectories: migrationNames(folder).map((path) => ({
      path,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok', value: readFileSync(join(baseDir, path, 'migration.sql'), 'utf8') },
      },
    })),
  };
}

/**
 * The engine refuses a schema that holds tables of other programs. Sharing a database is fine (it
 * is how `send` joins the caller's transaction) as long as no name is taken.
 */
async function makeRoom(url: string, folder: string): Promise<void> {
  const ours = migrationList(folder).migrationDirectories.flatMap(({ migrationFile }) => {
    const { content } = migrationFile;
    const text = content.tag === 'ok' ? content.value : '';
    return [...text.matchAll(/^CREATE (?:TABLE|VIEW) "(\w+)"/gm)].map((match) => match[1]!);
  });
  // Not the connection that holds the lock: the engine must see the table.
  await withConnection(url, async (client) => {
    const { rows } = await client.query(
      `SELECT relname FROM pg_class WHERE relname = ANY($1) AND relnamespace = current_schema()::regnamespace ORDER BY 1`,
      [ours],
    );
    if (rows.length > 0) {
      throw new TextyardError(
        'configuration',
        `The database already has ${rows.map((row) => `"${row.relname}"`).join(', ')}, made by another program: give Textyard a database of its own.`,
      );
    }
    await client.query(PRISMA_MIGRATIONS);
  });
}

async function apply(
  url: string,
  folder: string,
  failed: readonly string[],
  onProgress: (message: string) => void,
): Promise<string[]> {
  const migrationsList = migrationList(folder);
  return await withSchemaEngine(url, async (engine, lastError) => {
    try {
      for (const migrationName of failed) {
        // Each migration is one transaction, so one that did not end left nothing behind.
        onProgress(`${migrationName} did not end the last time: trying again`);
        await engine.markMigrationRolledBack({ migrationName });
      }
      const result = await engine.applyMigrations({ migrationsList, filters: NO_FILTER });
      return result.appliedMigrationNames;
    } catch (error) {
      throw describeFailure(error, lastError, url);
    }
  });
}

function describeFailure(error: unknown, { error: cause }: LastError, url: string): Error {
  const described = describeConnectionError(cause ?? error, url);
  if (described instanceof TextyardError) return described;
  const line = described.message.replace(/\s+/g, ' ').trim();
  return new TextyardError(
    'schema_mismatch',
    `A migration failed and was rolled back: ${line}. Mend the cause, then run "npm run migrate" again.`,
    { cause: error },
  );
}

async function withConnection<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  assertConnectionUrl(url);
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 15_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw describeConnectionError(error, url);
  } finally {
    await client.end().catch(() => {});
  }
}
