import { pino } from 'pino';
import type { Config } from '../../src/config/settings.ts';
import { type OpenOptions, openTextyard, type Textyard } from '../../src/main.ts';
import { createTestDatabase } from './database.ts';

export interface TestYard extends Textyard {
  readonly url: string;
  /** Rows of a query. */
  sql<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A yard over a database of its own; removed with it unless one was given. */
export async function openTestYard(
  config: Config,
  options: Omit<OpenOptions, 'config'> & { url?: string } = {},
): Promise<TestYard> {
  const { url: given, ...rest } = options;
  const database = given === undefined ? await createTestDatabase() : undefined;
  const url = given ?? database?.url ?? '';
  const yard = await openTextyard({
    log: pino({ level: process.env.TEXTYARD_TEST_LOG ?? 'silent' }),
    ...rest,
    config: { ...config, databaseUrl: url },
  });
  const closeYard = yard.close;
  const close = async () => {
    await closeYard();
    await database?.drop();
  };
  return Object.assign(yard, {
    url,
    close,
    sql: <Row extends object>(text: string, values: unknown[] = []) => yard.database.query<Row>(text, values),
    [Symbol.asyncDispose]: close,
  });
}

/** Resolves when `look` gives something truthy; looks every few milliseconds. */
export async function eventually<T>(
  look: () => Promise<T> | T,
  options: { within?: number; what?: string } = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + (options.within ?? 20_000);
  for (;;) {
    const found = await look();
    if (found) return found as NonNullable<T>;
    if (performance.now() > deadline)
      throw new Error(`did not happen in time: ${options.what ?? look.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
