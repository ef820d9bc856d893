import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { fastCreateMany } from './create-many.ts';
import { PrismaClient } from './generated/client.ts';

/**
 * A Prisma client with the fast `createMany`. A pool that is handed in stays the caller's to end;
 * one made from a URL is ended by `$disconnect()`.
 */
export function createPrisma(database: pg.Pool | string) {
  const pool = typeof database === 'string' ? new pg.Pool({ connectionString: database }) : database;
  keepUtc(pool);
  const adapter = new PrismaPg(pool, {
    disposeExternalPool: typeof database === 'string',
    // An idle connection that breaks is replaced at the next use.
    onPoolError: () => {},
  });
  return new PrismaClient({ adapter }).$extends(fastCreateMany);
}

export type TextyardPrisma = ReturnType<typeof createPrisma>;

/**
 * Prisma's adapter writes times without an offset and reads them without looking at it, which is
 * right in sessions whose time zone is UTC and hours off in all others.
 */
function keepUtc(pool: pg.Pool): void {
  const before = pool.options.onConnect;
  pool.options.onConnect = async (client) => {
    await before?.(client);
    await client.query("SET TIME ZONE 'UTC'");
  };
}
