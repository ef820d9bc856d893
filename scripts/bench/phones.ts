import type pg from 'pg';

/** The backend of the benchmarks; its row and its queue are part of the template database. */
export const BACKEND = 'bench';

/** A phone number that passes the checks of a backend with default settings. */
export function phone(n: number): string {
  return `+1212${2_000_000 + n}`;
}

/** Makes connections for `phone(0)` … `phone(count - 1)`. */
export async function fillConnections(sql: pg.Client, count: number): Promise<void> {
  await sql.query(
    `INSERT INTO connections (backend_id, identity)
     SELECT b.id, '+1212' || (2000000 + n) FROM generate_series(0, $2::int - 1) AS n, backends b WHERE b.name = $1`,
    [BACKEND, count],
  );
}
