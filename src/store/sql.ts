/**
 * The one shape in which SQL is issued: text with $1, $2 … and values. A pg pool, a pg client, a
 * Prisma transaction and pg-boss's adapter all fit it, so each statement of the store is written
 * once and runs in our own transaction or in the caller's.
 */
export interface Sql {
  /** @param name lets the server keep the parsed statement; for the hot ones */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    name?: string,
  ): Promise<Row[]>;
}

/** What a Prisma client or transaction client offers for raw SQL. */
export interface PrismaRaw {
  $queryRawUnsafe<T = unknown>(query: string, ...values: unknown[]): Promise<T>;
}

export function sqlFromPrisma(prisma: PrismaRaw): Sql {
  return {
    async query<Row extends object>(text: string, values: readonly unknown[] = []) {
      const rows = await prisma.$queryRawUnsafe<Row[]>(text, ...values);
      return Array.isArray(rows) ? rows : [];
    },
  };
}

/** What a pg `Pool`, `PoolClient` or `Client` offers. */
export interface PgQueryable {
  query(text: string, values?: unknown[]): Promise<PgResult | PgResult[]>;
  query(statement: { name: string; text: string; values: unknown[] }): Promise<PgResult | PgResult[]>;
}

interface PgResult {
  rows: unknown[];
}

/** @param prepare keep named statements on the server; not through a pooler that does not know them */
export function sqlFromPg(client: PgQueryable, prepare = false): Sql {
  return {
    async query<Row extends object>(text: string, values: readonly unknown[] = [], name?: string) {
      const result = await run(client, text, values as unknown[], prepare ? name : undefined);
      return (Array.isArray(result) ? result.flatMap((part) => part.rows) : result.rows) as Row[];
    },
  };
}

function run(client: PgQueryable, text: string, values: unknown[], name: string | undefined) {
  if (name !== undefined) return client.query({ name, text, values });
  // Without values the simple protocol is used, which takes several statements in one text.
  return values.length === 0 ? client.query(text) : client.query(text, values);
}

/** A transaction that the caller opened, with Prisma or with pg. */
export function sqlFromCaller(transaction: PrismaRaw | PgQueryable): Sql {
  return '$queryRawUnsafe' in transaction ? sqlFromPrisma(transaction) : sqlFromPg(transaction);
}
