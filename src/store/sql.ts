/**
 * The one shape in which SQL is issued: text with $1, $2 … and values. A pg pool, a pg client, a
 * Prisma transaction and pg-boss's adapter all fit it, so each statement of the store is written
 * once and runs in our own transaction or in the caller's.
 */
export interface Sql {
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
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
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] } | { rows: unknown[] }[]>;
}

export function sqlFromPg(client: PgQueryable): Sql {
  return {
    async query<Row extends object>(text: string, values: readonly unknown[] = []) {
      // Without values the simple protocol is used, which takes several statements in one text.
      const result = await (values.length === 0
        ? client.query(text)
        : client.query(text, values as unknown[]));
      return (Array.isArray(result) ? result.flatMap((part) => part.rows) : result.rows) as Row[];
    },
  };
}

/** A transaction that the caller opened, with Prisma or with pg. */
export function sqlFromCaller(transaction: PrismaRaw | PgQueryable): Sql {
  return '$queryRawUnsafe' in transaction ? sqlFromPrisma(transaction) : sqlFromPg(transaction);
}
