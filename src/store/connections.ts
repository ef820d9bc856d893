import type { Sql } from './sql.ts';

export interface ConnectionRow {
  /** A bigint as text. */
  readonly id: string;
  readonly identity: string;
  readonly contactId: string | null;
}

/** The connections of these identities on a backend; those missing are made. In the order given, without repeats. */
export async function lookupConnections(
  sql: Sql,
  backendId: number,
  identities: readonly string[],
): Promise<ConnectionRow[]> {
  await sql.query(
    `INSERT INTO connections (backend_id, identity)
     SELECT DISTINCT $1::int, i.identity FROM unnest($2::text[]) AS i(identity)
     WHERE NOT EXISTS (SELECT FROM connections c WHERE c.backend_id = $1::int AND c.identity = i.identity)
     ORDER BY i.identity
     ON CONFLICT DO NOTHING`,
    [backendId, identities],
  );
  return sql.query<ConnectionRow>(
    `SELECT c.id::text AS id, c.identity, c.contact_id::text AS "contactId"
     FROM (SELECT identity, min(n) AS n FROM unnest($2::text[]) WITH ORDINALITY AS i(identity, n) GROUP BY identity) i
     JOIN connections c ON c.backend_id = $1::int AND c.identity = i.identity ORDER BY i.n`,
    [backendId, identities],
  );
}
