import { z } from 'zod';
import type { Backend } from '../backends/backend.ts';
import type { BackendPolicy, BackendPolicyInput } from '../backends/policy.ts';
import type { BackendType, BackendTypeName, backendTypes } from '../backends/registry.ts';
import type { App } from '../router/app.ts';

/** A backend's name: it stands in tables, URLs, queue names and logs, so it is kept plain. */
export const BACKEND_NAME = /^[a-z0-9][a-z0-9-_.]{0,62}$/;

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const APP_METHODS = ['start', 'filter', 'parse', 'handle', 'default', 'cleanup', 'outgoing', 'stop'];

const appSchema = z.custom<App>().superRefine((value, context) => {
  const mistake = appMistake(value);
  if (mistake !== undefined) context.addIssue({ code: 'custom', message: mistake });
});

/** The shape of textyard.config.ts, but for what each backend type asks for on its own. */
export const settingsSchema = z.strictObject({
  /** PostgreSQL to use; without it the embedded one is started. */
  databaseUrl: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'a URL such as "postgres://user:password@host:5432/database"')
    .optional(),
  backends: z
    .record(
      z
        .string()
        .regex(
          BACKEND_NAME,
          'is not a valid backend name: use up to 63 of a-z, 0-9, "-", "_" and ".", starting with a letter or digit',
        ),
      z.record(z.string(), z.unknown()),
    )
    .optional(),
  /** In the order in which they see inbound messages. */
  apps: z.array(appSchema).optional(),
  worker: z
    .strictObject({
      /** Send for these backends only; all when left out. */
      backends: z.array(z.string()).optional(),
      /** Take inbound messages through the apps. */
      inbound: z.boolean().default(true),
      /** How long calls under way may finish at shutdown. */
      shutdownSeconds: z.number().min(0).max(3_600).default(20),
      /** Longest wait before new work is noticed when no wake-up came; pg-boss goes no lower than 0.5. */
      pollSeconds: z.number().min(0.5).max(3_600).default(1),
      /** LISTEN for a wake-up at new work. It needs a session: off behind PgBouncer in transaction mode. */
      notify: z.boolean().default(true),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      /** 0 takes any free port. */
      port: z.number().int().min(0).max(65_535).default(8080),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(LOG_LEVELS).default('info'),
    })
    .prefault({}),
  /** Without it nothing is ever deleted. */
  retention: z
    .strictObject({
      /** Messages, transmissions and receipts older than this are deleted. */
      days: z.number().int().min(1).max(36_500),
    })
    .optional(),
});

export type SettingsFile = z.output<typeof settingsSchema>;

/** How a backend is named in the config: by type with that type's settings, or as an object made by you. */
export type BackendConfig = BackendPolicyInput &
  (BackendOfType[BackendTypeName] | { backend: Backend | BackendFactory; type?: never });

type BackendOfType = {
  [Name in BackendTypeName]: { type: Name } & z.input<(typeof backendTypes)[Name]['schema']>;
};

export type BackendFactory = (name: string) => Backend | Promise<Backend>;

/** What textyard.config.ts exports by default. */
export interface Config extends Omit<z.input<typeof settingsSchema>, 'backends' | 'apps'> {
  backends?: Record<string, BackendConfig>;
  apps?: readonly App[];
}

/** The backend types that a config may name, by their word. */
export type BackendTypes = Readonly<Record<string, BackendType>>;

export interface BackendSettings {
  readonly name: string;
  /** The type's name, or `custom` for a backend given as an object or a function. */
  readonly type: string;
  readonly policy: BackendPolicy;
  /** Makes the backend; it is not started yet. Call it once. */
  create(): Promise<Backend>;
}

/** Everything the composition root needs, checked, and with all defaults filled in. */
export interface Settings extends Omit<SettingsFile, 'backends' | 'apps'> {
  /** The config file it came from; undefined for the built-in settings. */
  readonly source: string | undefined;
  /** The folder of the config file, or the working directory: where `.textyard/` belongs. */
  readonly directory: string;
  readonly backends: ReadonlyMap<string, BackendSettings>;
  readonly apps: readonly App[];
}

/**
 * Gives textyard.config.ts its types: `export default defineConfig({ … })`. A function, also an
 * async one, may be given where settings have to be fetched first.
 */
export function defineConfig<T extends Config | (() => Config | Promise<Config>)>(config: T): T {
  return config;
}

function appMistake(value: unknown): string | undefined {
  if (typeof value === 'function') {
    const name = value.name || 'the function';
    return `must be an app, not a function; call it: ${name}()`;
  }
  if (typeof value !== 'object' || value === null)
    return 'must be an app: { name: "…", handle(message) { … } }';
  const app = value as Record<string, unknown>;
  if (typeof app.name !== 'string' || app.name.trim() === '')
    return 'must have a name, such as name: "survey"';
  const wrong = APP_METHODS.find((method) => app[method] !== undefined && typeof app[method] !== 'function');
  return wrong === undefined ? undefined : `${wrong} must be a function`;
}
