import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { assertSchemaCurrent, migrate, schemaDifference, schemaState } from '../../src/store/migrate.ts';
import { sqlFromPg } from '../../src/store/sql.ts';
import { createTestDatabase } from '../support/database.ts';

const PRISMA = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'prisma');

async function database(options: { empty?: boolean } = {}): Promise<{ url: string; client: pg.Client }> {
  const { url, drop } = await createTestDatabase(options);
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await drop();
  });
  return { url, client };
}

/** The package's prisma folder with one migration more. */
function withMigration(name: string, sql: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'textyard-migrations-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(PRISMA, folder, { recursive: true });
  mkdirSync(join(folder, 'migrations', name));
  writeFileSync(join(folder, 'migrations', name, 'migration.sql'), sql);
  return folder;
}

test('an empty database is migrated once, and again is nothing', async () => {
  const { url, client } = await database({ empty: true });
  expect(await schemaState(url)).toBe('empty');
  await expect(assertSchemaCurrent(url)).rejects.toMatchObject({
    kind: 'schema_mismatch',
    message: expect.stringMatching(/^The database has no Textyard tables yet: run "npm run migrate".*$/),
  });
  const told: string[] = [];
  const applied = await migrate(url, { onProgress: (line) => told.push(line) });
  expect(applied.length).toBeGreaterThanOrEqual(2);
  expect(told).toEqual(applied.map((name) => `applied ${name}`));
  expect(await migrate(url)).toEqual([]);
  expect(await schemaState(url)).toBe('current');
  expect(await schemaState(sqlFromPg(client))).toBe('current');
  await assertSchemaCurrent(url);
  const { rows } = await client.query('SELECT migration_name FROM _prisma_migrations ORDER BY started_at');
  expect(rows.map((row) => row.migration_name)).toEqual(applied);
});

test('several at once migrate it once', async () => {
  const { url } = await database({ empty: true });
  const runs = await Promise.all([migrate(url), migrate(url), migrate(url), migrate(url)]);
  expect(runs.filter((applied) => applied.length > 0)).toHaveLength(1);
  expect(await schemaState(url)).toBe('current');
});

test('schema.prisma and the migrated database agree', async () => {
  const { url, client } = await database({ empty: true });
  await migrate(url);
  expect(await schemaDifference(url)).toBe('');
  // The test tells a difference when there is one.
  await client.query('ALTER TABLE contacts ADD COLUMN nickname text');
  expect(await schemaDifference(url)).toContain('DROP COLUMN "nickname"');
});

test('every table, view and column of ours has a comment', async () => {
  const { client } = await database();
  const { rows } = await client.query(
    `SELECT c.relname AS relation, a.attname AS column
     FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
       AND c.relname <> '_prisma_migrations'
       AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)`,
  );
  expect(rows).toEqual([]);
});

test('a later migration makes the database older, and an earlier version finds it newer', async () => {
  const { url } = await database();
  const next = withMigration('20991231000000_next', 'ALTER TABLE contacts ADD COLUMN nickname text;');
  expect(await schemaState(url, { prismaFolder: next })).toBe('older');
  await expect(assertSchemaCurrent(url, { prismaFolder: next })).rejects.toMatchObject({
    kind: 'schema_mismatch',
    message: expect.stringMatching(
      /^The database is older .*20991231000000_next.*: run "npm run migrate".*$/,
    ),
  });
  expect(await migrate(url, { prismaFolder: next })).toEqual(['20991231000000_next']);
  expect(await schemaState(url)).toBe('newer');
  const newer = {
    kind: 'schema_mismatch',
    message: expect.stringMatching(/^The database is newer .*: upgrade textyard\.$/),
  };
  await expect(assertSchemaCurrent(url)).rejects.toMatchObject(newer);
  await expect(migrate(url)).rejects.toMatchObject(newer);
});

test('a migration that fails leaves nothing behind, says why in one line, and can be run again', async () => {
  const { url, client } = await database();
  const sql = `CREATE TABLE half (id int); -- a semicolon; and 'quotes'
    SELECT 1 / (SELECT count(*) FROM backends);`;
  const folder = withMigration('20991231000000_next', sql);
  await expect(migrate(url, { prismaFolder: folder })).rejects.toMatchObject({
    name: 'TextyardError',
    message: expect.stringMatching(/^A migration failed and was rolled back: division by zero\. .*$/),
  });
  expect((await client.query(`SELECT to_regclass('half') AS half`)).rows[0]).toEqual({ half: null });
  expect(await schemaState(url, { prismaFolder: folder })).toBe('failed');
  await expect(assertSchemaCurrent(url, { prismaFolder: folder })).rejects.toThrow(
    /did not end .*20991231000000_next/,
  );
  await client.query(`INSERT INTO backends (name) VALUES ('one')`);
  expect(await migrate(url, { prismaFolder: folder })).toEqual(['20991231000000_next']);
  expect(await schemaState(url, { prismaFolder: folder })).toBe('current');
});

test("another program's tables may be there, but not under our names", async () => {
  const shared = await database({ empty: true });
  await shared.client.query('CREATE TABLE orders (id int)');
  await migrate(shared.url);
  expect(await schemaState(shared.url)).toBe('current');
  const taken = await database({ empty: true });
  await taken.client.query('CREATE TABLE messages (id int)');
  await expect(migrate(taken.url)).rejects.toMatchObject({
    kind: 'configuration',
    message: expect.stringMatching(/^The database already has "messages", made by another program: .*$/),
  });
});

test('the migrations table of another program is left alone', async () => {
  const { url, client } = await database({ empty: true });
  await migrate(url);
  await client.query(`DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE _prisma_migrations
    (id text, migration_name text, checksum text, finished_at timestamptz, rolled_back_at timestamptz);
    INSERT INTO _prisma_migrations VALUES ('1', '20200101000000_theirs', 'x', now(), NULL)`);
  await expect(migrate(url)).rejects.toMatchObject({
    kind: 'configuration',
    message: expect.stringMatching(/belongs to another program .*20200101000000_theirs/),
  });
});

test('an applied migration whose file was edited does not stop the next', async () => {
  const { url } = await database();
  const next = withMigration('20991231000000_next', 'SELECT 1;');
  appendFileSync(join(next, 'migrations', '20261121000100_reporting', 'migration.sql'), '-- a remark\n');
  expect(await migrate(url, { prismaFolder: next })).toEqual(['20991231000000_next']);
});
