import { LOG_LEVELS } from './settings.ts';

/** What the environment says, over the config file. */
export interface EnvironmentOverrides {
  databaseUrl?: string;
  httpHost?: string;
  httpPort?: number;
  logLevel?: (typeof LOG_LEVELS)[number];
  workerBackends?: string[];
}

/**
 * Reads the variables that Textyard knows. An empty one counts as not set, because compose files
 * and CI systems pass on empty variables.
 */
export function readEnvironment(env: NodeJS.ProcessEnv): {
  overrides: EnvironmentOverrides;
  problems: string[];
} {
  const overrides: EnvironmentOverrides = {};
  const problems: string[] = [];
  const read = (name: string) => env[name]?.trim() || undefined;

  const databaseUrl = read('DATABASE_URL');
  if (databaseUrl !== undefined) {
    if (/^postgres(ql)?:\/\//.test(databaseUrl)) overrides.databaseUrl = databaseUrl;
    else problems.push('DATABASE_URL: must be a URL such as "postgres://user:password@host:5432/database"');
  }

  const host = read('TEXTYARD_HTTP_HOST');
  if (host !== undefined) overrides.httpHost = host;

  const port = read('TEXTYARD_HTTP_PORT');
  if (port !== undefined) {
    if (/^\d{1,5}$/.test(port) && Number(port) <= 65_535) overrides.httpPort = Number(port);
    else problems.push(`TEXTYARD_HTTP_PORT: must be a port from 0 to 65535, not "${port}"`);
  }

  const level = read('TEXTYARD_LOG_LEVEL')?.toLowerCase();
  if (level !== undefined) {
    const known = LOG_LEVELS.find((one) => one === level);
    if (known !== undefined) overrides.logLevel = known;
    else problems.push(`TEXTYARD_LOG_LEVEL: must be one of ${LOG_LEVELS.join(', ')}, not "${level}"`);
  }

  const backends = read('TEXTYARD_WORKER_BACKENDS');
  if (backends !== undefined) {
    overrides.workerBackends = backends
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
  }

  return { overrides, problems };
}
