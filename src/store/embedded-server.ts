/** Makes, finds, starts and stops one embedded PostgreSQL server. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TextyardError } from '../errors.ts';
import {
  type Account,
  type Binaries,
  canEnter,
  findBinaries,
  reachableFolder,
  unprivilegedAccount,
} from './embedded-binaries.ts';
import {
  dropStalePidFile,
  ensureDatabase,
  freePort,
  isPostgres,
  lastLine,
  postmasterPid,
  whyNoAnswer,
} from './embedded-process.ts';
import { isAlive } from './process-lock.ts';

const ROLE = 'textyard';
const DATABASE = 'textyard';
/** Starting may include recovery after a crash; stopping a checkpoint. Milliseconds. */
const START_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 60_000;
/** How long another process may be busy with the server. */
export const LOCK_TIMEOUT_MS = START_TIMEOUT_MS + STOP_TIMEOUT_MS;

export interface ServerState {
  port: number;
  pid: number;
  dataDirectory: string;
}

/** One server's folder, and what is done to the server in it; embedded-postgres.ts holds the lock meanwhile. */
export class ServerFolder {
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
    try {
      const fresh = !existsSync(this.directory);
      mkdirSync(dirname(this.directory), { recursive: true });
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      this.#account = unprivilegedAccount(statSync(this.directory));
      // Root may enter it anyway; the server's account must, for its data.
      if (fresh) this.#own(this.directory);
      mkdirSync(this.users, { recursive: true, mode: 0o700 });
      this.#own(this.users);
      accessSync(this.directory, constants.W_OK | constants.X_OK);
    } catch (cause) {
      if (cause instanceof TextyardError) throw cause;
      throw new TextyardError(
        'unavailable',
        `The embedded PostgreSQL cannot use ${this.directory} (${(cause as Error).message}): make the folder writable for you, or set DATABASE_URL.`,
        { cause },
      );
    }
  }

  url(port: number, database: string = DATABASE): string {
    return `postgresql://${ROLE}:${this.#password()}@127.0.0.1:${port}/${database}`;
  }

  readState(): ServerState | undefined {
    try {
      const state = JSON.parse(readFileSync(this.#stateFile, 'utf8')) as ServerState;
      return { ...state, dataDirectory: resolve(this.directory, state.dataDirectory) };
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
      const failure = await whyNoAnswer(this.url(state.port, 'postgres'), state.dataDirectory);
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
    // Data outside the folder may have been left behind with another machine.
    const stillThere = known !== undefined && existsSync(dirname(known.dataDirectory));
    const dataDirectory = stillThere ? known.dataDirectory : this.#chooseDataDirectory(onProgress);
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
        await ensureDatabase(this.url(port, 'postgres'), DATABASE);
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
      writeFileSync(this.#passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' });
      this.#own(this.#passwordFile);
    }
    return readFileSync(this.#passwordFile, 'utf8').trim();
  }

  #writeState(state: ServerState): ServerState {
    const fresh = `${this.#stateFile}.${process.pid}`;
    // Relative where it can be, so that the project can be moved.
    const inside = state.dataDirectory === join(this.directory, 'data');
    const stored = { ...state, dataDirectory: inside ? 'data' : state.dataDirectory };
    writeFileSync(fresh, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600 });
    this.#own(fresh);
    renameSync(fresh, this.#stateFile);
    return state;
  }

  #chooseDataDirectory(onProgress: (message: string) => void): string {
    if (this.#account === undefined || canEnter(this.directory, this.#account)) {
      return join(this.directory, 'data');
    }
    const name = basename(dirname(this.directory)).replace(/[^\w.-]/g, '_');
    const folder = mkdtempSync(join(reachableFolder(), `${name || 'data'}-`));
    this.#own(folder);
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
      this.#own(fresh);
      this.#own(passwordCopy);
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
    this.#own(this.log);
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
    let ended = false;
    let failure: string | undefined;
    // Stays, so that a late error does not end this process.
    child.on('error', (error) => {
      failure = error.message;
      ended = true;
    });
    child.once('exit', () => {
      ended = true;
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const silence = await whyNoAnswer(this.url(port, 'postgres'), dataDirectory);
      if (ended) return failure ?? readFileSync(this.log, 'utf8').slice(-4000);
      if (silence === undefined) break;
      if (Date.now() > deadline) throw this.#failure(`it does not answer (${silence})`);
      await sleep(15);
    }
    child.unref();
    return child.pid!;
  }

  /** When we are root, what is made here belongs to the account the server runs under. */
  #own(path: string): void {
    if (this.#account) lchownSync(path, this.#account.uid, this.#account.gid);
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
