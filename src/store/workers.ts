import type { Sql } from './sql.ts';

export interface WorkerRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly backends: readonly string[];
}

/** Says that a worker is alive; the rows of those silent for a day leave. */
export async function registerWorker(sql: Sql, worker: WorkerRow): Promise<void> {
  await sql.query(
    `INSERT INTO workers (id, host, pid, version, backends) VALUES ($1::uuid, $2::text, $3::int, $4::text, $5::text[])
     ON CONFLICT (id) DO UPDATE SET seen = now(), backends = EXCLUDED.backends`,
    [worker.id, worker.host, worker.pid, worker.version, worker.backends],
  );
  await sql.query(`DELETE FROM workers WHERE seen < now() - interval '1 day'`);
}

export async function removeWorker(sql: Sql, id: string): Promise<void> {
  await sql.query('DELETE FROM workers WHERE id = $1::uuid', [id]);
}

/** How many workers seen within `seconds` serve each backend. */
export async function workersPerBackend(sql: Sql, seconds: number): Promise<Map<string, number>> {
  const rows = await sql.query<{ backend: string; workers: number }>(
    `SELECT b AS backend, count(*)::int AS workers FROM workers, unnest(backends) AS b
     WHERE seen > now() - $1::float8 * interval '1 second' GROUP BY b`,
    [seconds],
  );
  return new Map(rows.map((row) => [row.backend, row.workers]));
}
