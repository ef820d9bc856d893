import type { Sql } from './sql.ts';

export interface BackendRow {
  readonly id: number;
  readonly name: string;
  readonly state: 'running' | 'paused';
  readonly pausedUntil: Date | null;
  readonly pausedReason: string | null;
}

/** Makes the rows of configured backends that are missing, and returns all of theirs. */
export async function ensureBackends(sql: Sql, names: readonly string[]): Promise<BackendRow[]> {
  await sql.query(
    `INSERT INTO backends (name) SELECT name FROM unnest($1::text[]) AS n(name)
     WHERE NOT EXISTS (SELECT FROM backends b WHERE b.name = n.name)
     ON CONFLICT (name) DO NOTHING`,
    [names],
  );
  return (await listBackends(sql)).filter((row) => names.includes(row.name));
}

/** All backends; a pause whose time is over counts as running. */
export async function listBackends(sql: Sql): Promise<BackendRow[]> {
  return sql.query<BackendRow>(
    `SELECT id, name, CASE WHEN paused_until <= now() THEN 'running' ELSE state::text END AS state,
       paused_until AS "pausedUntil", paused_reason AS "pausedReason" FROM backends ORDER BY name`,
  );
}

/**
 * Pauses a backend for all workers.
 *
 * @param seconds how long; undefined: until somebody resumes it
 */
export async function pauseBackend(sql: Sql, id: number, reason: string, seconds?: number): Promise<void> {
  // A longer pause, or one without an end, is not cut short by a throttling answer that comes after it.
  await sql.query(
    `UPDATE backends SET state = 'paused', paused_reason = $2::text,
       paused_until = now() + $3::float8 * interval '1 second'
     WHERE id = $1::int AND NOT (state = 'paused' AND $3::float8 IS NOT NULL
       AND (paused_until IS NULL OR paused_until > now() + $3::float8 * interval '1 second'))`,
    [id, reason, seconds ?? null],
  );
}

/** Lets a backend run again. Returns false when there is none of that name. */
export async function resumeBackend(sql: Sql, name: string): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE backends SET state = 'running', paused_until = NULL, paused_reason = NULL WHERE name = $1::text RETURNING id`,
    [name],
  );
  return rows.length > 0;
}
