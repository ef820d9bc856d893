/** What `textyard doctor` asks the database. */
import { firstIdAt } from './overview.ts';
import type { Sql } from './sql.ts';

export interface ServerFacts {
  /** Such as 180004. */
  readonly versionNumber: number;
  readonly version: string;
  readonly fsync: boolean;
  readonly fullPageWrites: boolean;
  readonly synchronousCommit: string;
  readonly maxConnections: number;
  readonly connections: number;
  /** A standby, which cannot be written to. */
  readonly isStandby: boolean;
  /** The server's clock. */
  readonly now: Date;
}

/** Version, settings and clock of the server. */
export async function serverFacts(sql: Sql): Promise<ServerFacts> {
  const [row] = await sql.query<ServerFacts>(
    `SELECT current_setting('server_version_num')::int AS "versionNumber", current_setting('server_version') AS version,
       current_setting('fsync') = 'on' AS fsync, current_setting('full_page_writes') = 'on' AS "fullPageWrites",
       current_setting('synchronous_commit') AS "synchronousCommit",
       current_setting('max_connections')::int AS "maxConnections",
       (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       pg_is_in_recovery() AS "isStandby", clock_timestamp() AS now`,
  );
  if (!row) throw new Error('the server has no settings');
  return row;
}

export interface BackendActivity {
  readonly backend: string;
  readonly lastSent: Date | null;
  /** In P, with a lease that ended before `leaseEndedSeconds`. */
  readonly abandoned: number;
}

/** When each backend last sent, and what was left in P, among the transmissions stored since then. */
export async function backendActivity(
  sql: Sql,
  since: Date,
  leaseEndedSeconds: number,
): Promise<BackendActivity[]> {
  return sql.query<BackendActivity>(
    `SELECT b.name AS backend, max(t.sent) AS "lastSent",
       (count(*) FILTER (WHERE t.status = 'P' AND t.lease_until < now() - $2::float8 * interval '1 second'))::int AS abandoned
     FROM transmissions t JOIN backends b ON b.id = t.backend_id WHERE t.id >= $1::uuid GROUP BY b.name ORDER BY b.name`,
    [firstIdAt(since), leaseEndedSeconds],
  );
}
