/**
 * Prisma's schema engine, compiled to WebAssembly, over our own driver: `prisma migrate` without
 * the native engine, which cannot be had offline.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';

/** What is used of it; its types come with the DOM's, which this program has no use for. */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<{ exports: Record<string, unknown> }>;
};

interface EngineModule {
  SchemaEngine: typeof SchemaEngine;
  __wbg_set_wasm(exports: object): void;
}

const panics: string[] = [];
let loading: Promise<EngineModule> | undefined;

/** The package imports its .wasm as a module, which not every supported Node does. */
async function load(): Promise<EngineModule> {
  const glue = '@prisma/schema-engine-wasm/schema_engine_bg';
  const file = createRequire(import.meta.url)
    .resolve(glue)
    .replace(/\.js$/, '.wasm');
  const module = (await import(glue)) as EngineModule;
  // Where the engine leaves its words when it panics; without it, that would be a TypeError.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: { set_message: (text: string) => panics.push(text) },
  });
  // The engine's lock has a deadline of 10 s that it forgets to take back: it must not hold the process.
  const imports = Object.fromEntries(
    Object.entries(module).map(([name, value]) => [
      name,
      name.startsWith('__wbg_setTimeout')
        ? (callback: () => void, delay: number) => setTimeout(callback, delay).unref()
        : value,
    ]),
  );
  const compiled = await WebAssembly.compile(readFileSync(file));
  const instance = await WebAssembly.instantiate(compiled, { './schema_engine_bg.js': imports });
  module.__wbg_set_wasm(instance.exports);
  (instance.exports.__wbindgen_start as () => void)();
  return module;
}

/** What the driver said last: the engine's own words hide it behind "external connector". */
export interface LastError {
  error?: unknown;
}

/** Runs `work` with an engine connected to `url`; the connections are closed after it. */
export async function withSchemaEngine<T>(
  url: string,
  work: (engine: SchemaEngine, lastError: LastError) => Promise<T>,
): Promise<T> {
  loading ??= load();
  const { SchemaEngine: Engine } = await loading;
  const pool = new CatalogPool({ connectionString: url, max: 2, connectionTimeoutMillis: 15_000 });
  pool.on('error', () => {});
  const lastError: LastError = {};
  try {
    const factory = bindMigrationAwareSqlAdapterFactory(new WholeScripts(pool, lastError));
    const engine = await Engine.new({ datamodels: undefined }, () => {}, factory);
    try {
      return await work(engine, lastError);
    } catch (error) {
      const panic = panics.shift();
      throw panic === undefined
        ? error
        : new Error(`Prisma's schema engine panicked: ${panic}`, { cause: error });
    } finally {
      engine.free();
    }
  } finally {
    await pool.end();
  }
}

/**
 * Prisma's adapter does not know the catalog's one-letter type "char", only arrays of it. So the
 * column is passed off as an array, and what the adapter made of it is put right afterwards.
 */
const INTERNAL_CHAR = 18;
const INTERNAL_CHAR_ARRAY = 1002;

class CatalogPool extends pg.Pool {
  // biome-ignore lint/suspicious/noExplicitAny: overrides ten overloads at once
  override query(...call: any[]): any {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const result = (super.query as any).apply(this, call);
    return result.then((answer: pg.QueryArrayResult | pg.QueryArrayResult[]) => {
      for (const { fields } of [answer].flat()) {
        for (const field of fields)
          if (field.dataTypeID === INTERNAL_CHAR) field.dataTypeID = INTERNAL_CHAR_ARRAY;
      }
      return answer;
    });
  }
}

/**
 * Prisma's adapter cuts a script at every semicolon, also inside texts and comments, and runs the
 * pieces one by one. Here a script goes to PostgreSQL whole, which makes it one transaction: a
 * migration is there or it is not.
 */
class WholeScripts implements SqlMigrationAwareDriverAdapterFactory {
  readonly provider = 'postgres';
  readonly adapterName = '@prisma/adapter-pg';
  readonly #pool: pg.Pool;
  readonly #inner: PrismaPg;
  readonly #lastError: LastError;

  constructor(pool: pg.Pool, lastError: LastError) {
    this.#pool = pool;
    this.#inner = new PrismaPg(pool);
    this.#lastError = lastError;
  }

  async connect(): Promise<SqlDriverAdapter> {
    const adapter = await this.#inner.connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query);
      const { Character, CharacterArray } = ColumnTypeEnum;
      result.columnTypes = result.columnTypes.map((type) => (type === CharacterArray ? Character : type));
      return result;
    };
    adapter.executeScript = async (script) => {
      try {
        await this.#pool.query(script);
      } catch (error) {
        this.#lastError.error = error;
        throw error;
      }
    };
    return adapter;
  }

  connectToShadowDb(): Promise<SqlDriverAdapter> {
    return this.#inner.connectToShadowDb();
  }
}
