import { defaultResponder } from '../apps/default-responder.ts';
import { ping } from '../apps/echo.ts';
import { TextyardError } from '../errors.ts';
import { type EnvironmentOverrides, readEnvironment } from './environment.ts';
import { formatPath, type Problem, problemsOf } from './problems.ts';
import { resolveBackends } from './resolve-backends.ts';
import { type BackendTypes, type Settings, type SettingsFile, settingsSchema } from './settings.ts';

export interface ResolveOptions {
  backendTypes: BackendTypes;
  env?: NodeJS.ProcessEnv;
  /** How the config is called in messages. */
  label?: string;
  source?: string | undefined;
  directory?: string;
}

/**
 * Checks a config, lays the environment over it and fills in all defaults.
 *
 * @param config undefined for the built-in settings
 * @throws TextyardError with one line for each problem, all of them at once
 */
export function resolveSettings(config: unknown, options: ResolveOptions): Settings {
  const label = options.label ?? 'config';
  const raw = config ?? {};
  const lines: string[] = [];
  const complain = (problem: Problem) => {
    const where = formatPath(problem.path);
    lines.push(where === '' ? `${label}: ${problem.text}` : `${label}: ${where}: ${problem.text}`);
  };

  const parsed = settingsSchema.safeParse(raw);
  if (!parsed.success) problemsOf(parsed.error.issues, raw, settingsSchema).forEach(complain);

  // Backends are looked at even when something else is wrong, so that all problems come at once.
  const backends = resolveBackends(raw, options.backendTypes, complain);
  const environment = readEnvironment(options.env ?? {});
  lines.push(...environment.problems);

  if (parsed.success && lines.length === 0) {
    const settings = overlay(parsed.data, environment.overrides);
    settings.worker.backends?.forEach((name, index) => {
      if (backends.has(name)) return;
      const fromEnvironment = environment.overrides.workerBackends !== undefined;
      const where = fromEnvironment ? 'TEXTYARD_WORKER_BACKENDS' : `${label}: worker.backends[${index}]`;
      lines.push(`${where}: no backend is called "${name}"; there are ${[...backends.keys()].join(', ')}`);
    });
    if (lines.length === 0) {
      return {
        ...settings,
        source: options.source,
        directory: options.directory ?? process.cwd(),
        backends,
        apps: parsed.data.apps ?? [ping(), defaultResponder()],
      };
    }
  }
  throw new TextyardError('configuration', lines.join('\n'));
}

function overlay(file: SettingsFile, env: EnvironmentOverrides): Omit<SettingsFile, 'backends' | 'apps'> {
  const { backends: _backends, apps: _apps, ...rest } = file;
  return {
    ...rest,
    databaseUrl: env.databaseUrl ?? file.databaseUrl,
    worker: { ...file.worker, backends: env.workerBackends ?? file.worker.backends },
    http: {
      ...file.http,
      host: env.httpHost ?? file.http.host,
      port: env.httpPort ?? file.http.port,
    },
    log: { ...file.log, level: env.logLevel ?? file.log.level },
  };
}
