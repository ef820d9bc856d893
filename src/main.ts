import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Backend } from './backends/backend.ts';
import { backendTypes } from './backends/registry.ts';
import { loadSettings } from './config/load.ts';
import { resolveSettings } from './config/resolve.ts';
import type { Config, Settings } from './config/settings.ts';
import { TextyardError } from './errors.ts';
import { type HttpServer, startHttpServer } from './http/server.ts';
import { installJobTables, JobQueue } from './jobs/queue.ts';
import type { AppLog, AppServices } from './router/app-services.ts';
import type {
  IncomingMessage,
  IncomingMessageInit,
  OutgoingMessage,
  OutgoingMessageInit,
} from './router/message.ts';
import type { RouterBackend } from './router/recipients.ts';
import { Router } from './router/router.ts';
import { ensureBackends } from './store/backends.ts';
import { Database } from './store/database.ts';
import { acquireEmbeddedPostgres } from './store/embedded-postgres.ts';
import { countIdenticalInbound } from './store/inbound.ts';
import { assertSchemaCurrent, migrate } from './store/migrate.ts';
import { createPrisma, type TextyardPrisma } from './store/prisma.ts';
import { isSuppressed, liftSuppression, suppress } from './store/suppressions.ts';
import type { WorkingBackend } from './worker/outbound.ts';
import { Worker } from './worker/worker.ts';

export interface OpenOptions {
  /** Settings in code; without them textyard.config.ts is looked for. */
  config?: Config;
  /** The config file to read; textyard.config.ts in the working directory unless given. */
  configPath?: string;
  /** Bring the database's schema up to date first. Default: only on the embedded PostgreSQL. */
  migrate?: boolean;
  /** Connections to PostgreSQL at the most; 10 by default. */
  maxConnections?: number;
  /** Told in a few words what is being done while it takes time. */
  onProgress?: (message: string) => void;
  log?: AppLog;
  /** Your own classes for what the apps see. */
  incomingClass?: new (
    init: IncomingMessageInit,
  ) => IncomingMessage;
  outgoingClass?: new (init: OutgoingMessageInit) => OutgoingMessage;
}

/** Which part of the work a worker takes; what is left out is as the settings say. */
export interface WorkerShare {
  /** Send for these backends only. */
  backends?: readonly string[];
  /** Take inbound messages through the apps. */
  inbound?: boolean;
}

/** An open yard: the router, its database, and what can be started in this process. */
export interface Textyard {
  readonly settings: Settings;
  readonly router: Router;
  /** The Prisma client over the same connections, for your own queries. */
  readonly prisma: TextyardPrisma;
  readonly database: Database;
  readonly jobs: JobQueue;
  readonly log: AppLog;
  /** The backends that `startWorker` made, by name; empty before. */
  readonly lines: ReadonlyMap<string, Backend>;
  /** Starts to send, and to take inbound messages through the apps. */
  startWorker(share?: WorkerShare): Promise<Worker>;
  /** Starts the HTTP server. */
  startServer(): Promise<HttpServer>;
  /** Stops what was started, in reverse order, and closes the database. */
  close(): Promise<void>;
}

/** This package's version. */
export const VERSION: string = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'),
).version;

/** Runs the migrations and makes the job tables. Returns the names of the migrations applied. */
export async function migrateDatabase(
  url: string,
  onProgress?: (message: string) => void,
): Promise<string[]> {
  const applied = await migrate(url, onProgress ? { onProgress } : {});
  const database = new Database({ url, maxConnections: 2 });
  try {
    await installJobTables(database);
  } finally {
    await database.close();
  }
  return applied;
}

/**
 * Opens the yard: finds or starts PostgreSQL, checks the schema, and builds everything from the
 * settings. Nothing is sent before `startWorker`.
 *
 * @throws TextyardError with one line that says what is wrong and what to do
 */
export async function openTextyard(options: OpenOptions = {}): Promise<Textyard> {
  const settings = options.config
    ? resolveSettings(options.config, { backendTypes, env: process.env })
    : await loadSettings(options.configPath === undefined ? {} : { configPath: options.configPath });
  const log = options.log ?? pino({ level: settings.log.level }, pino.destination({ dest: 2, sync: false }));
  /** What is open, in the order in which it was opened. */
  const opened: (() => Promise<unknown>)[] = [];
  const closeAll = async () => {
    for (let close = opened.pop(); close; close = opened.pop()) await close();
  };
  try {
    const { url, isEmbedded } = await findDatabase(settings, opened, options.onProgress);
    if (options.migrate ?? isEmbedded) await migrateDatabase(url, options.onProgress);
    const database = new Database({
      url,
      ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
    });
    opened.push(() => database.close());
    await database.check();
    await assertSchemaCurrent(database);
    const prisma = createPrisma(database.pool);
    opened.push(() => prisma.$disconnect());
    const jobs = new JobQueue(database, { onError: (error) => log.error({ err: error }, 'job queue') });
    await jobs.start();
    opened.push(() => jobs.stop());
    const backends = await registerBackends(settings, database, jobs);
    const { incomingClass, outgoingClass } = options;
    const router = new Router({
      database,
      prisma,
      jobs,
      backends,
      apps: settings.apps,
      log,
      ...(incomingClass ? { incomingClass } : {}),
      ...(outgoingClass ? { outgoingClass } : {}),
    });
    const lines = new Map<string, Backend>();
    let worker: Worker | undefined;
    return {
      settings,
      router,
      prisma,
      database,
      jobs,
      log,
      lines,
      async startWorker(share = {}) {
        if (worker) throw new TextyardError('conflict', 'This process has a worker already.');
        const targets = await openLines(settings, backends, lines, share.backends);
        worker = new Worker({
          database,
          jobs,
          router,
          apps: settings.apps,
          services: appServices(database, log),
          backends: targets,
          inbound: share.inbound ?? settings.worker.inbound,
          pollSeconds: settings.worker.pollSeconds,
          shutdownSeconds: settings.worker.shutdownSeconds,
          notify: settings.worker.notify,
          retentionDays: settings.retention?.days,
          version: VERSION,
          log,
          incomingClass,
        });
        const started = worker;
        opened.push(() => started.stop());
        await worker.start();
        return worker;
      },
      async startServer() {
        const server = await startHttpServer({ ...settings.http, database, log, version: VERSION });
        opened.push(() => server.close());
        return server;
      },
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** The configured database, or the embedded one. */
async function findDatabase(
  settings: Settings,
  opened: (() => Promise<unknown>)[],
  onProgress?: (message: string) => void,
): Promise<{ url: string; isEmbedded: boolean }> {
  if (settings.databaseUrl) return { url: settings.databaseUrl, isEmbedded: false };
  const embedded = await acquireEmbeddedPostgres({
    directory: join(settings.directory, '.textyard'),
    ...(onProgress ? { onProgress } : {}),
  });
  opened.push(() => embedded.release());
  return { url: embedded.url, isEmbedded: true };
}

async function registerBackends(
  settings: Settings,
  database: Database,
  jobs: JobQueue,
): Promise<Map<string, RouterBackend>> {
  const rows = await ensureBackends(database, [...settings.backends.keys()]);
  const backends = new Map<string, RouterBackend>();
  for (const { name, policy } of settings.backends.values()) {
    const row = rows.find((candidate) => candidate.name === name);
    if (!row) throw new Error(`the row of backend ${name} was not made`);
    await jobs.ensureOutboundQueue(name);
    backends.set(name, { id: row.id, name, policy });
  }
  return backends;
}

/** Makes the backends that this process's worker serves. */
async function openLines(
  settings: Settings,
  backends: ReadonlyMap<string, RouterBackend>,
  lines: Map<string, Backend>,
  share: readonly string[] | undefined,
): Promise<WorkingBackend[]> {
  const served = share ?? settings.worker.backends ?? [...settings.backends.keys()];
  const unknown = served.find((name) => !backends.has(name));
  if (unknown !== undefined) {
    const known = [...backends.keys()].join(', ');
    throw new TextyardError('not_found', `backends: no backend is called "${unknown}"; there are ${known}`, {
      field: 'backends',
    });
  }
  const targets: WorkingBackend[] = [];
  for (const name of served) {
    const row = backends.get(name);
    const backend = await settings.backends.get(name)?.create();
    if (!row || !backend) continue;
    lines.set(name, backend);
    targets.push({ ...row, backend });
  }
  return targets;
}

/** What the apps are handed, over our tables. */
function appServices(database: Database, log: AppLog): AppServices {
  return {
    log,
    suppressions: {
      suppress: (identity, { scope, reason }) => suppress(database, identity, scope, reason),
      lift: async (identity, { scope }) => {
        await liftSuppression(database, identity, scope);
      },
      isSuppressed: (identity, { backend }) => isSuppressed(database, identity, backend),
    },
    history: {
      countIdentical: (connection, text, sinceSeconds, beforeMessageId) =>
        countIdenticalInbound(database, String(connection.id ?? 0), text, sinceSeconds, beforeMessageId),
    },
  };
}
