/**
 * PostgreSQL from npm, for a project that has none of its own. The server is a process of its
 * own, shared by every process that uses the same folder; the last one to leave stops it.
 *
 * What the folder (by default `.textyard/`) holds:
 * - `server.json`  port, pid and the data's place; written by whoever started the server
 * - `password`     the superuser's password, readable by the owner only
 * - `users/`       one file per process that uses the server
 * - `lock`         held while a server is being looked for, started or stopped
 * - `server.log`   what PostgreSQL wrote
 * - `data/`        the data, unless the account that must own it cannot come here
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { TextyardError } from '../errors.ts';
import {
  type Account,
  type Binaries,
  canEnter,
  findBinaries,
  reachableFolder,
  unprivilegedAccount,
} from './embedded-binaries.ts';
import { isAlive, livingUsers, registerUser, withLock, withLockSync } from './process-lock.ts';

export interface EmbeddedPostgresOptions {
  /** Folder of the server's files; `.textyard` of the working directory unless given. */
  directory?: string;
  /** PostgreSQL settings for the server if this call starts it; a running one keeps its own. */
  settings?: Record<string, string | number>;
  /** Told in a few words what is being done, when it takes a while. */
  onProgress?: (message: string) => void;
}

export interface EmbeddedPostgres {
  /** Where to connect, password included. */
  url: string;
  /** The server's process id. */
  pid: number;
  dataDirectory: string;
  /** Ends this use; stops the server if no other process uses it. May be called twice. */
  release(): Promise<void>;
}

interface ServerState {
  port: number;
  pid: number;
  dataDirectory: string;
}

const ROLE = 'textyard';
const DATABASE = 'textyard';
/** Starting may include recovery after a crash; stopping a checkpoint. Milliseconds. */
const START_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 60_000;
const LOCK_TIMEOUT_MS = START_TIMEOUT_MS + STOP_TIMEOUT_MS;

/**
 * Finds the running server of a folder, or starts it (making the data the first time).
 * @throws TextyardError('configuration') on a platform without binaries
 * @throws TextyardError('unavailable') if the server cannot be made or started; the message names
 *   the server's log
 */
export async function acquireEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const place = new ServerFolder(resolve(options.directory ?? '.textyard'));
  const onProgress = options.onProgress ?? (() => {});
  place.prepare();
  return await withLock(place.lock, LOCK_TIMEOUT_MS, async () => {
    const state = (await place.findRunning()) ?? (await place.start(options.settings ?? {}, onProgress));
    const unregister = registerUser(place.users);
    const leave = leaveOnExit(place, unregister);
    let released: Promise<void> | undefined;
    return {
      url: place.url(state.port),
      pid: state.pid,
      dataDirectory: state.dataDirectory,
      release: () => {
        released ??= withLock(place.lock, LOCK_TIMEOUT_MS, async () => {
          process.off('exit', leave);
          unregister();
          if (livingUsers(place.users).length === 0) await place.stop();
        });
        return released;
      },
    };
  });
}

/** A process that ends without release() still must not leave the server behind. */
function leaveOnExit(place: ServerFolder, unregister: () => void): () => void {
  const leave = () => {
    unregister();
    withLockSync(place.lock, 500, () => {
      const state = place.readState();
      if (state && livingUsers(place.users).length === 0) place.signalStop(state);
    });
  };
  process.on('exit', leave);
  return leave;
}

class ServerFolder {
  readonly directory: string;
  readonly lock: string;
  readonly users: string;
  readonly log: string;
  readonly #stateFile: string;
  readonly #passwordFile: string;
  #account: Account | undefined;

  constructor(directory: string) {
    this.directory = directory;
    this.lock = join(directory, 'lock');
    this.users = join(directory, 'users');
    this.log = join(directory, 'server.log');
    this.#stateFile = join(directory, 'server.json');
    this.#passwordFile = join(directory, 'password');
  }

  /** Makes the folder, closed to everybody else. */
  prepare(): void {
    this.#account = unprivilegedAccount();
    try {
      if (mkdirSync(this.directory, { recursive: true, mode: 0o700 }) !== undefined) {
        chmodSync(this.directory, 0o700);
        // Root may enter it anyway; the server's account must, for its data.
        if (this.#account) chownSync(this.directory, this.#account.uid, this.#account.gid);
      }
    } catch (cause) {
      throw new TextyardError(
        'unavailable',
        `Cannot make ${this.directory} for the embedded PostgreSQL (${(cause as Error).message}): make it writable or set DATABASE_URL.`,
        { cause },
      );
    }
  }

  url(port: number, database: string = DATABASE): string {
    return `postgresql://${ROLE}:${this.#password()}@127.0.0.1:${port}/${database}`;
  }

  readState(): ServerState | undefined {
    try {
      return JSON.parse(readFileSync(this.#stateFile, 'utf8')) as ServerState;
    } catch {
      return undefined;
    }
  }

  /** The running server, once it answers; undefined if there is none. */
  async findRunning(): Promise<ServerState | undefined> {
    const state = this.readState();
    if (state === undefined) return undefined;
    const pid = postmasterPid(state.dataDirectory);
    if (pid === undefined) return undefined;
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (isPostgres(pid)) {
      const failure = await this.#tryToConnect(state.port, state.dataDirectory);
      if (failure === undefined) return pid === state.pid ? state : this.#writeState({ ...state, pid });
      if (Date.now() > deadline) {
        throw this.#failure(`process ${pid} holds ${state.dataDirectory} but does not answer (${failure})`);
      }
      // It is starting, recovering or, told so by its last user, stopping.
      await sleep(25);
    }
    return undefined;
  }

  async start(
    settings: Record<string, string | number>,
    onProgress: (message: string) => void,
  ): Promise<ServerState> {
    const binaries = await findBinaries(this.#account, this.directory);
    const known = this.readState();
    let port = known?.port ?? (await freePort());
    const dataDirectory = known?.dataDirectory ?? this.#chooseDataDirectory(onProgress);
    if (!existsSync(join(dataDirectory, 'PG_VERSION'))) {
      onProgress('making a PostgreSQL database');
      this.#initialise(binaries, dataDirectory);
    }
    dropStalePidFile(dataDirectory);
    onProgress('starting PostgreSQL');
    for (let attempt = 1; ; attempt += 1) {
      const state = { port, pid: 0, dataDirectory };
      const outcome = await this.#launch(binaries, state, settings);
      if (typeof outcome === 'number') {
        this.#writeState({ ...state, pid: outcome });
        await this.#createDatabase(port);
        return { ...state, pid: outcome };
      }
      if (!/Address already in use|could not bind|could not create any TCP/.test(outcome) || attempt === 5) {
        throw this.#failure(`it did not start: ${lastLine(outcome)}`);
      }
      port = await freePort();
    }
  }

  /** Stops the server and waits until it is gone. */
  async stop(): Promise<void> {
    const state = this.readState();
    if (state === undefined) return;
    const pid = this.signalStop(state);
    if (pid === undefined) return;
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (isAlive(pid)) {
      if (Date.now() > deadline) throw this.#failure(`process ${pid} does not stop`);
      await sleep(10);
    }
  }

  /** Asks for a fast shutdown: transactions are rolled back, nothing committed is lost. */
  signalStop(state: ServerState): number | undefined {
    const pid = postmasterPid(state.dataDirectory);
    if (pid === undefined || !isPostgres(pid)) return undefined;
    try {
      // On Windows a signal would be a kill.
      if (process.platform === 'win32') process.kill(pid);
      else process.kill(pid, 'SIGINT');
    } catch {
      return undefined;
    }
    return pid;
  }

  #password(): string {
    if (!existsSync(this.#passwordFile)) {
      writeFileSync(this.#passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
    }
    return readFileSync(this.#passwordFile, 'utf8').trim();
  }

  #writeState(state: ServerState): ServerState {
    const fresh = `${this.#stateFile}.${process.pid}`;
    writeFileSync(fresh, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
    renameSync(fresh, this.#stateFile);
    return state;
  }

  #chooseDataDirectory(onProgress: (message: string) => void): string {
    if (this.#account === undefined || canEnter(this.directory, this.#account)) {
      return join(this.directory, 'data');
    }
    const name = basename(dirname(this.directory)).replace(/[^\w.-]/g, '_');
    const folder = mkdtempSync(join(reachableFolder(), `${name || 'data'}-`));
    chownSync(folder, this.#account.uid, this.#account.gid);
    onProgress(
      `the account ${this.#account.name} cannot enter ${this.directory}: the data goes to ${folder}`,
    );
    return join(folder, 'data');
  }

  #initialise(binaries: Binaries, dataDirectory: string): void {
    // In a folder of another name first, so that a killed initdb leaves nothing half made.
    const fresh = mkdtempSync(`${dataDirectory}.`);
    const passwordCopy = `${fresh}.password`;
    try {
      writeFileSync(passwordCopy, this.#password(), { mode: 0o600, flag: 'wx' });
      if (this.#account) {
        for (const path of [fresh, passwordCopy]) chownSync(path, this.#account.uid, this.#account.gid);
      }
      const arguments_ = [`--pgdata=${fresh}`, `--username=${ROLE}`, `--pwfile=${passwordCopy}`];
      arguments_.push('--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-instructions');
      arguments_.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8');
      const result = spawnSync(binaries.initdb, arguments_, {
        ...this.#as(),
        cwd: dirname(fresh),
        encoding: 'utf8',
      });
      if (result.status !== 0) {
        const told = lastLine(result.stderr ?? '') || result.error?.message || `exit ${result.status}`;
        throw this.#failure(`initdb failed: ${told}`);
      }
      renameSync(fresh, dataDirectory);
    } finally {
      rmSync(passwordCopy, { force: true });
      rmSync(fresh, { recursive: true, force: true });
    }
  }

  /** Starts the server; its pid once it answers, or what it logged if it ended instead. */
  async #launch(
    binaries: Binaries,
    { port, dataDirectory }: ServerState,
    settings: Record<string, string | number>,
  ): Promise<number | string> {
    const all = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      port,
      timezone: 'UTC',
      log_timezone: 'UTC',
      ...settings,
    };
    const arguments_ = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const { O_CREAT, O_TRUNC, O_WRONLY, O_APPEND, O_NOFOLLOW } = constants;
    const log = openSync(this.log, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | (O_NOFOLLOW ?? 0), 0o600);
    let child: ChildProcess;
    try {
      child = spawn(binaries.postgres, ['-D', dataDirectory, ...arguments_], {
        ...this.#as(),
        cwd: dataDirectory,
        detached: true,
        stdio: ['ignore', log, log],
      });
    } finally {
      closeSync(log);
    }
    let ended: string | undefined;
    child.once('error', (error) => (ended = error.message));
    child.once('exit', () => (ended ??= readFileSync(this.log, 'utf8').slice(-4000)));
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const failure = await this.#tryToConnect(port, dataDirectory);
      if (ended !== undefined) return ended;
      if (failure === undefined) break;
      if (Date.now() > deadline) throw this.#failure(`it does not answer (${failure})`);
      await sleep(15);
    }
    child.unref();
    return child.pid!;
  }

  /** Undefined if it is our server that answers, else what went wrong. */
  async #tryToConnect(port: number, dataDirectory: string): Promise<string | undefined> {
    const client = new pg.Client({
      connectionString: this.url(port, 'postgres'),
      connectionTimeoutMillis: 5000,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      const { rows } = await client.query('SHOW data_directory');
      return rows[0]?.data_directory === dataDirectory ? undefined : 'another server has its port';
    } catch (error) {
      return (error as Error).message;
    } finally {
      await client.end().catch(() => {});
    }
  }

  async #createDatabase(port: number): Promise<void> {
    const client = new pg.Client({ connectionString: this.url(port, 'postgres') });
    await client.connect();
    try {
      const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
      if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
    } finally {
      await client.end();
    }
  }

  #as(): { uid?: number; gid?: number; env: NodeJS.ProcessEnv } {
    // PG* variables meant for other servers must not reach this one.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
    return {
      env: { ...env, LC_ALL: 'C' },
      ...(this.#account && { uid: this.#account.uid, gid: this.#account.gid }),
    };
  }

  #failure(what: string): TextyardError {
    return new TextyardError('unavailable', `The embedded PostgreSQL: ${what} (its log: ${this.log}).`);
  }
}

/** First line of postmaster.pid; negative ids belong to single-user servers. */
function postmasterPid(dataDirectory: string): number | undefined {
  try {
    const first = readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0] ?? '';
    const pid = Number.parseInt(first, 10);
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** After a reboot the id in postmaster.pid may belong to anything. */
function isPostgres(pid: number): boolean {
  if (!isAlive(pid)) return false;
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres';
  } catch {
    return process.platform !== 'linux' || isAlive(pid);
  }
}

/** PostgreSQL removes its own stale file, except when its id now belongs to another process. */
function dropStalePidFile(dataDirectory: string): void {
  const pid = postmasterPid(dataDirectory);
  if (pid !== undefined && !isPostgres(pid)) rmSync(join(dataDirectory, 'postmaster.pid'), { force: true });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function lastLine(text: string): string {
  const lines = text
    .trim()
    .split('\n')
    .filter((line) => line.trim() !== '');
  // The line that says what failed comes before the hints and shutdown notes.
  return (lines.findLast((line) => /FATAL|PANIC|error:/i.test(line)) ?? lines.at(-1) ?? '').trim();
}
