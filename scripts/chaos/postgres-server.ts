import { readFileSync } from 'node:fs';
import pg from 'pg';
import { migrateDatabase } from '../../src/index.ts';
import { ServerFolder } from '../../src/store/embedded-server.ts';
import { childrenOf, signal, untilEnded } from './processes.ts';

/** A PostgreSQL server of a scenario's own, to be killed, frozen and started again on the same port. */
export class PostgresServer {
  readonly folder: ServerFolder;
  readonly #settings: Record<string, string | number>;
  #port = 0;
  #pid = 0;

  constructor(directory: string, settings: Record<string, string | number> = {}) {
    this.folder = new ServerFolder(directory);
    this.#settings = { log_checkpoints: 'off', ...settings };
  }

  /** Where it listens, password included. */
  get url(): string {
    return this.folder.url(this.#port);
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    return this.#pid;
  }

  get dataDirectory(): string {
    const state = this.folder.readState();
    if (!state) throw new Error('the server was not started yet');
    return state.dataDirectory;
  }

  /** Starts it, the second time on the port it had; after a kill that includes crash recovery. */
  async start(): Promise<void> {
    this.folder.prepare();
    const { port, pid } = await this.folder.start(this.#settings, () => {});
    this.#port = port;
    this.#pid = pid;
  }

  /** Makes the tables. */
  async migrate(): Promise<void> {
    await migrateDatabase(this.url);
  }

  async stop(): Promise<void> {
    this.thaw();
    await this.folder.stop();
  }

  /** `kill -9` of the server and all its children: nothing is flushed, nobody is told. */
  async kill(): Promise<void> {
    const pids = this.#freeze();
    for (const pid of pids) signal(pid, 'SIGKILL');
    await untilEnded(pids);
  }

  /** SIGSTOP: connections stay open, and nothing answers. */
  freeze(): void {
    this.#freeze();
  }

  /** SIGCONT */
  thaw(): void {
    for (const pid of [...childrenOf(this.#pid), this.#pid]) signal(pid, 'SIGCONT');
  }

  /** The server first, so that it makes no further children while they are looked for. */
  #freeze(): number[] {
    signal(this.#pid, 'SIGSTOP');
    const children = childrenOf(this.#pid);
    for (const pid of children) signal(pid, 'SIGSTOP');
    return [this.#pid, ...children];
  }

  /** The end of what it logged. */
  logTail(characters = 2_000): string {
    return readFileSync(this.folder.log, 'utf8').slice(-characters);
  }
}

/** Rows of one statement, on a connection of its own that no fault before it has touched. */
export async function query<Row extends object = Record<string, unknown>>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'chaos',
    connectionTimeoutMillis: 5_000,
    query_timeout: 120_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(text, values as unknown[])).rows as Row[];
  } finally {
    await client.end().catch(() => {});
  }
}
