import { quantile } from '../bench/statistics.ts';
import { query } from '../chaos/postgres-server.ts';

/** A table as it stands. */
export interface TableState {
  readonly table: string;
  readonly live: number;
  readonly dead: number;
  readonly bytes: number;
}

/** What one look at the whole system found. */
export interface Sample {
  /** Seconds since the steady traffic began. */
  readonly at: number;
  readonly workerMb: number;
  readonly serverMb: number;
  /** Milliseconds of `send` of a lone text: the 99th percentile since the look before. */
  readonly loneP99: number;
  /** Milliseconds from a lone text's storing to its sending, likewise. */
  readonly sentP99: number;
  /** Queued or processing now. */
  readonly open: number;
  readonly completedJobs: number;
  /** Seconds since the oldest completed job was. */
  readonly oldestJob: number;
  readonly tables: readonly TableState[];
}

/** The 99th percentile of unsorted figures; 0 of none. */
export function p99(values: readonly number[]): number {
  return values.length === 0
    ? 0
    : quantile(
        values.toSorted((a, b) => a - b),
        0.99,
      );
}

/** What the database says. @param seconds how far back the latencies go */
export async function sampleDatabase(
  url: string,
  seconds: number,
): Promise<Pick<Sample, 'sentP99' | 'open' | 'completedJobs' | 'oldestJob' | 'tables'>> {
  const [latency] = await query<{ p99: number }>(
    url,
    `SELECT COALESCE(percentile_cont(0.99) WITHIN GROUP (ORDER BY EXTRACT(EPOCH FROM t.sent - m.date) * 1000), 0)::float8 AS p99
     FROM messages m JOIN transmissions t ON t.message_id = m.id
     WHERE m.id > (lpad(to_hex((EXTRACT(EPOCH FROM now() - $1 * interval '1 second') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
       AND m.text = 'lone' AND t.sent IS NOT NULL`,
    [seconds],
  );
  const [open] = await query<{ n: number }>(
    url,
    `SELECT count(*)::int AS n FROM transmissions WHERE status IN ('Q', 'P')`,
  );
  const [jobs] = await query<{ n: number; oldest: number }>(
    url,
    `SELECT count(*)::int AS n, COALESCE(EXTRACT(EPOCH FROM now() - min(completed_on)), 0)::float8 AS oldest
     FROM pgboss.job WHERE state = 'completed'`,
  );
  const tables = await query<TableState>(
    url,
    `SELECT schemaname || '.' || relname AS table, n_live_tup::float8 AS live, n_dead_tup::float8 AS dead,
       pg_total_relation_size(relid)::float8 AS bytes
     FROM pg_stat_user_tables WHERE schemaname IN ('public', 'pgboss') AND n_live_tup + n_dead_tup > 0
     ORDER BY bytes DESC`,
  );
  return {
    sentP99: latency?.p99 ?? 0,
    open: open?.n ?? 0,
    completedJobs: jobs?.n ?? 0,
    oldestJob: jobs?.oldest ?? 0,
    tables,
  };
}

/** The table's headings, and one line per sample. */
export const HEADINGS =
  '  time  worker MB  server MB  send p99 ms  sent p99 ms    open  jobs done   dead rows  database MB';

export function sampleLine(sample: Sample): string {
  const dead = sample.tables.reduce((sum, table) => sum + table.dead, 0);
  const bytes = sample.tables.reduce((sum, table) => sum + table.bytes, 0);
  const cell = (value: number, width: number, digits = 0) => value.toFixed(digits).padStart(width);
  return [
    `${cell(sample.at, 5)}s`,
    cell(sample.workerMb, 11),
    cell(sample.serverMb, 11),
    cell(sample.loneP99, 13, 1),
    cell(sample.sentP99, 13, 1),
    cell(sample.open, 8),
    cell(sample.completedJobs, 11),
    cell(dead, 12),
    cell(bytes / 2 ** 20, 13),
  ].join('');
}
