import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { fastCreateMany } from './create-many.ts';
import { useUtc } from './database.ts';
import { PrismaClient } from './generated/client.ts';

/**
 * A Prisma client with the fast `createMany`. A pool that is handed in stays the caller's to end, and
 * its sessions must be in UTC, as those of `Database` are; one made from a URL is ended by
 * `$disconnect()`.
 */
export function createPrisma(database: pg.Pool | string) {
  const pool =
    typeof database === 'string' ? new pg.Pool({ connectionString: database, onConnect: useUtc }) : database;
  const adapter = new PrismaPg(pool, {
    disposeExternalPool: typeof database === 'string',
    // An idle connection that breaks is replaced at the next use.
    onPoolError: () => {},
  });
  return new PrismaClient({ adapter }).$extends(fastCreateMany);
}

export type TextyardPrisma = ReturnType<typeof createPrisma>;
