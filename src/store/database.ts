import pg from 'pg';
import { describeConnectionError } from './connection-errors.ts';
import { type Sql, sqlFromPg } from './sql.ts';

/**
 * Prisma's adapter writes times without an offset and reads them without looking at it, which is
 * right in sessions whose time zone is UTC and hours off in all others.
 */
export async function useUtc(client: pg.ClientBase): Promise<void> {
  await client.query("SET TIME ZONE 'UTC'");
}

/** PostgreSQL's words for "you were the victim, try again". */
const RETRYABLE = new Set(['40001', '40P01']);
const MAX_TRIES = 5;

export interface DatabaseOptions {
  url: string;
  /** Connections at the most; default 10. */
  maxConnections?: number;
  /** Milliseconds to wait for a connection; default 10,000. */
  connectTimeoutMs?: number;
  /** Milliseconds a statement may take before the connection is given up as dead; default 60,000. */
  queryTimeoutMs?: number;
  /** Shown in pg_stat_activity. */
  applicationName?: string;
}

/**
 * Our own connections to PostgreSQL. Prisma runs over the same pool (see prisma.ts); the hot
 * statements go to it directly.
 */
export class Database implements Sql {
  readonly url: string;
  readonly pool: pg.Pool;
  /**
   * Connections whose commits do not wait for the disk (synchronous_commit = off). Only for what may
   * be lost with the server and is then simply done again: fetching jobs, claims under `resend`,
   * heartbeats, completing jobs whose work is recorded. After a crash of PostgreSQL the newest
   * fraction of a second of it may be gone; after a crash of ours nothing is.
   */
  readonly relaxed: Sql;
  readonly #relaxedPool: pg.Pool;
  readonly #sql: Sql;
  readonly #prepare: boolean;

  constructor(options: DatabaseOptions) {
    this.url = options.url;
    const settings: pg.PoolConfig = {
      connectionString: options.url,
      max: options.maxConnections ?? 10,
      connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
      query_timeout: options.queryTimeoutMs ?? 60_000,
      application_name: options.applicationName ?? 'textyard',
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      idleTimeoutMillis: 30_000,
    };
    this.pool = new pg.Pool({ ...settings, onConnect: useUtc });
    this.#relaxedPool = new pg.Pool({ ...settings, options: '-c synchronous_commit=off' });
    // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
    this.pool.on('error', () => {});
    this.#relaxedPool.on('error', () => {});
    // Prisma's word for a pooler between us and the server, which keeps no named statements.
    this.#prepare = !/[?&]pgbouncer=true\b/.test(options.url);
    this.#sql = sqlFromPg(this.pool, this.#prepare);
    this.relaxed = this.#relaxedSql();
  }

  /** Connects once, so that a wrong URL is told at the start. @throws TextyardError that says what to do */
  async check(): Promise<void> {
    try {
      await this.query('SELECT 1');
    } catch (error) {
      throw describeConnectionError(error, this.url);
    }
  }

  /** Runs one statement in a transaction of its own; tried again if it loses a deadlock. */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values: readonly unknown[] = [],
    name?: string,
  ): Promise<Row[]> {
    return retrying(() => this.#sql.query<Row>(text, values, name));
  }

  /**
   * Runs `work` in one transaction. It may run more than once (deadlock, serialization failure),
   * so it must not have effects outside the database, unless `retry` is false.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>, options: { retry?: boolean } = {}): Promise<T> {
    const attempt = async () => {
      const client = await this.pool.connect();
      let broken: Error | undefined;
      // The pool listens to idle connections only: one that breaks between two statements of ours would
      // end the process.
      const onBroken = (error: Error) => {
        broken = error;
      };
      client.on('error', onBroken);
      try {
        await client.query('BEGIN');
        const result = await work(sqlFromPg(client, this.#prepare));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        // Behind a statement that is not answered a ROLLBACK would only wait as long again.
        if (isTimeout(error)) broken = error;
        else {
          await client.query('ROLLBACK').catch((rollbackError: Error) => {
            broken = rollbackError;
          });
        }
        throw error;
      } finally {
        client.off('error', onBroken);
        client.release(broken);
      }
    };
    return options.retry === false ? attempt() : retrying(attempt);
  }

  /**
   * Runs `work`; when the database is away, the error says so in one line.
   *
   * @param work does nothing but talk to this database, or its own errors would be taken for that
   * @throws TextyardError `unavailable`
   */
  async tellingOutages<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw isOutage(error) ? describeConnectionError(error, this.url) : error;
    }
  }

  /**
   * A transaction whose work also reads from elsewhere: it runs once. When the database is away the
   * error says so; what the other source throws stays as it is.
   */
  async streamingTransaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    let isWorking = false;
    const attempt = async (sql: Sql) => {
      isWorking = true;
      const result = await work({
        query: (text, values, name) => this.tellingOutages(() => sql.query(text, values, name)),
      });
      isWorking = false;
      return result;
    };
    try {
      return await this.transaction(attempt, { retry: false });
    } catch (error) {
      if (isWorking) throw error;
      return await this.tellingOutages(() => Promise.reject(error));
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.end(), this.#relaxedPool.end()]);
  }

  #relaxedSql(): Sql {
    let sql = sqlFromPg(this.#relaxedPool, this.#prepare);
    return {
      query: <Row extends object>(text: string, values: readonly unknown[] = [], name?: string) =>
        retrying(() =>
          sql.query<Row>(text, values, name).catch((error) => {
            // A connection pooler may not pass the setting on: then commits wait, as everywhere else.
            if ((error as { code?: string }).code !== '08P01') throw error;
            sql = this.#sql;
            return sql.query<Row>(text, values, name);
          }),
        ),
    };
  }
}

async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      const code = (error as { code?: string }).code ?? '';
      if (!RETRYABLE.has(code) || tries >= MAX_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * tries));
    }
  }
}

/** node-postgres gives it no code. */
function isTimeout(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout';
}

/**
 * Whether the database was away, or could not work for a while, rather than refusing the statement:
 * no SQLSTATE at all (the connection broke), or class 08 connection, 53 resources (disk full, too
 * many connections), 57P shutdown and restart, 25006 a standby that is not promoted yet.
 */
export function isOutage(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return true;
  return /^(08|53|57P|25006|58)/.test(code);
}
