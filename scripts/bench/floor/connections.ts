import pg from 'pg';

/**
 * The floor's connections to PostgreSQL. Commits wait for the disk exactly where ours do: not those
 * that only hand out work, which is handed out again if they are lost.
 */
export interface FloorConnections {
  /** Commits wait for the disk. */
  readonly durable: pg.Pool;
  /** Commits do not (synchronous_commit = off). */
  readonly relaxed: pg.Pool;
  close(): Promise<void>;
}

/** @param max connections of each kind at the most */
export function openConnections(url: string, max = 6): FloorConnections {
  const durable = new pg.Pool({ connectionString: url, max });
  const relaxed = new pg.Pool({ connectionString: url, max, options: '-c synchronous_commit=off' });
  for (const pool of [durable, relaxed]) {
    // A database that is dropped ends its connections; that is nobody's error any more.
    pool.on('error', () => {});
    pool.on('connect', (client) => client.on('error', () => {}));
  }
  return {
    durable,
    relaxed,
    async close() {
      await Promise.all([durable.end(), relaxed.end()]);
    },
  };
}

/** Ids of the backend and of its connections, in the order of the phones. */
export async function loadConnections(
  pool: pg.Pool,
  limit: number,
): Promise<{ backendId: number; connectionIds: string[] }> {
  const { rows } = await pool.query(
    'SELECT id::text AS id, backend_id AS "backendId" FROM connections ORDER BY id LIMIT $1::int',
    [limit],
  );
  return { backendId: rows[0]?.backendId, connectionIds: rows.map((row) => row.id) };
}
