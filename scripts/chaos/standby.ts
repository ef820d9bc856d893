/**
 * A synchronous standby of an embedded server. The package brings no pg_basebackup, so the base backup
 * is made by hand: https://www.postgresql.org/docs/18/continuous-archiving.html, "low level API".
 */
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { PostgresServer, query } from './postgres-server.ts';

/** What a base backup leaves out: it belongs to the running primary. */
const LEFT_OUT = /^(postmaster\.(pid|opts)|pg_wal\/.+|pg_replslot\/.+|pg_stat_tmp\/.+|pgsql_tmp.*)$/;

/**
 * Makes a standby of a running server, starts it, and lets commits wait for it from then on.
 *
 * @param directory where the standby's files go
 */
export async function makeSynchronousStandby(
  primary: PostgresServer,
  directory: string,
  settings: Record<string, string | number>,
): Promise<PostgresServer> {
  const standby = new PostgresServer(directory, settings);
  standby.folder.prepare();
  // Roles are the primary's, and so is the password.
  copyAs(join(primary.folder.directory, 'password'), join(directory, 'password'));
  await copyData(primary, join(directory, 'data'));
  await standby.start();
  await query(primary.url, `ALTER SYSTEM SET synchronous_standby_names = '*'`);
  await query(primary.url, 'SELECT pg_reload_conf()');
  while (!(await isSynchronous(primary))) await sleep(20);
  return standby;
}

async function isSynchronous(primary: PostgresServer): Promise<boolean> {
  const rows = await query(
    primary.url,
    `SELECT FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'`,
  );
  return rows.length > 0;
}

async function copyData(primary: PostgresServer, target: string): Promise<void> {
  // The backup ends if its session does.
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  try {
    // The slot keeps the WAL that the standby will want.
    await client.query(`SELECT pg_create_physical_replication_slot('standby', true)`);
    await client.query(`SELECT pg_backup_start('standby', true)`);
    cpSync(primary.dataDirectory, target, {
      recursive: true,
      filter: (path) => !LEFT_OUT.test(relative(primary.dataDirectory, path)) && !isTemporary(path),
    });
    const { rows } = await client.query('SELECT labelfile FROM pg_backup_stop(false)');
    writeFileSync(join(target, 'backup_label'), rows[0].labelfile);
  } finally {
    await client.end();
  }
  mkdirSync(join(target, 'pg_wal', 'archive_status'), { recursive: true });
  const { username, password } = new URL(primary.url);
  const address = `host=127.0.0.1 port=${primary.port} user=${username} password=${password}`;
  appendFileSync(
    join(target, 'postgresql.auto.conf'),
    `primary_conninfo = '${address}'\nprimary_slot_name = 'standby'\n`,
  );
  writeFileSync(join(target, 'standby.signal'), '');
  ownAs(primary.dataDirectory, target);
}

/** Tables that a session made for itself have names such as t3_16384. */
function isTemporary(path: string): boolean {
  return /^t\d+_\d+/.test(basename(path));
}

function copyAs(source: string, target: string): void {
  copyFileSync(source, target);
  ownAs(source, target);
}

/** The copy belongs to whom the original belongs: the server's account, when we are root. */
function ownAs(source: string, target: string): void {
  const { uid, gid } = statSync(source);
  if (process.getuid?.() !== 0) return;
  lchownSync(target, uid, gid);
  if (!statSync(target).isDirectory()) return;
  for (const name of readdirSync(target, { recursive: true, encoding: 'utf8' }))
    lchownSync(join(target, name), uid, gid);
}

/** Makes a standby a primary; resolves when it can be written to. */
export async function promote(standby: PostgresServer): Promise<void> {
  rmSync(join(standby.dataDirectory, 'backup_label.old'), { force: true });
  const [row] = await query<{ done: boolean }>(standby.url, 'SELECT pg_promote(true, 60) AS done');
  if (!row?.done) throw new Error('the standby was not promoted within 60 s');
}
