import type { Sql } from './sql.ts';

/** Puts an identity on the suppression list. @param scope a backend's name, or `*` for all */
export async function suppress(sql: Sql, identity: string, scope: string, reason: string): Promise<void> {
  await sql.query(
    `INSERT INTO suppressions (identity, scope, reason) VALUES ($1::text, $2::text, $3::text)
     ON CONFLICT (identity, scope) DO NOTHING`,
    [identity, scope, reason],
  );
}

/** Takes one entry off the list; those of other scopes stay. Returns whether it was on it. */
export async function liftSuppression(sql: Sql, identity: string, scope: string): Promise<boolean> {
  const rows = await sql.query(
    `DELETE FROM suppressions WHERE identity = $1::text AND scope = $2::text RETURNING identity`,
    [identity, scope],
  );
  return rows.length > 0;
}

/** Whether an identity is suppressed on a backend. */
export async function isSuppressed(sql: Sql, identity: string, backend: string): Promise<boolean> {
  const rows = await sql.query(
    `SELECT 1 FROM suppressions WHERE identity = $1::text AND scope IN ('*', $2::text) LIMIT 1`,
    [identity, backend],
  );
  return rows.length > 0;
}
