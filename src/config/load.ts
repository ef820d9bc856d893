import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { backendTypes } from '../backends/registry.ts';
import { TextyardError } from '../errors.ts';
import { resolveSettings } from './resolve.ts';
import type { BackendTypes, Settings } from './settings.ts';

/** Looked for in this order; the first one found is used. */
export const CONFIG_FILES = ['textyard.config.ts', 'textyard.config.js', 'textyard.config.mjs'] as const;

export interface LoadOptions {
  /** Where to look; the working directory when left out. */
  cwd?: string;
  /** What `--config` named: this file and no other. */
  configPath?: string | undefined;
  env?: NodeJS.ProcessEnv;
  /** Other types than those of src/backends/registry.ts, for tests. */
  backendTypes?: BackendTypes;
}

/**
 * Finds and runs the config file, and gives checked settings. Without a file the built-in ones
 * are used: one simulator, and apps that answer.
 *
 * @throws TextyardError one line for each problem, naming the file
 */
export async function loadSettings(options: LoadOptions = {}): Promise<Settings> {
  const cwd = options.cwd ?? process.cwd();
  const env = options.env ?? process.env;
  const types = options.backendTypes ?? backendTypes;
  const path = findConfig(cwd, options.configPath);
  if (path === undefined) {
    return resolveSettings(undefined, { backendTypes: types, env, directory: cwd });
  }
  const label = labelOf(path, cwd);
  return resolveSettings(await importConfig(path, label), {
    backendTypes: types,
    env,
    label,
    source: path,
    directory: dirname(path),
  });
}

function findConfig(cwd: string, named: string | undefined): string | undefined {
  if (named === undefined) {
    return CONFIG_FILES.map((name) => resolve(cwd, name)).find((path) => existsSync(path));
  }
  const path = resolve(cwd, named);
  if (!existsSync(path) || !statSync(path).isFile()) {
    throw new TextyardError('configuration', `--config ${named}: there is no such file`, { field: 'config' });
  }
  return path;
}

async function importConfig(path: string, label: string): Promise<unknown> {
  let exported: { default?: unknown };
  let config: unknown;
  try {
    exported = (await import(/* @vite-ignore */ pathToFileURL(path).href)) as typeof exported;
    config = exported.default;
    if (typeof config === 'function') config = await (config as () => unknown)();
  } catch (error) {
    throw new TextyardError('configuration', describeFailure(error, path, label), { cause: error });
  }
  if (typeof config !== 'object' || config === null) {
    throw new TextyardError(
      'configuration',
      `${label}: must export its settings: export default defineConfig({ … })`,
    );
  }
  return config;
}

/** `textyard.config.ts:7: SyntaxError: Unexpected token '}'`, from what Node says in many lines. */
function describeFailure(error: unknown, path: string, label: string): string {
  if (!(error instanceof Error)) return `${label}: threw ${String(error)}`;
  const summary = error.message.split('\n').find((line) => line.trim() !== '') ?? 'failed without a message';
  const what =
    error.name === 'Error' || error instanceof TextyardError ? summary : `${error.name}: ${summary}`;
  const stack = error.stack ?? '';
  const line =
    lineIn(stack, path) ?? (error instanceof SyntaxError ? lineIn(checkSyntax(path), path) : undefined);
  return line === undefined ? `${label}: ${what}` : `${label}:${line}: ${what}`;
}

/** The first line of this file that a stack trace names. */
function lineIn(stack: string, path: string): string | undefined {
  for (const name of [pathToFileURL(path).href, path]) {
    const at = stack.indexOf(`${name}:`);
    const line = at === -1 ? undefined : /^\d+/.exec(stack.slice(at + name.length + 1))?.[0];
    if (line !== undefined) return line;
  }
  return undefined;
}

/** V8 leaves the place of a syntax error out of the stack of a failed import, but `--check` prints it. */
function checkSyntax(path: string): string {
  return spawnSync(process.execPath, ['--check', path], { encoding: 'utf8', timeout: 10_000 }).stderr ?? '';
}

function labelOf(path: string, cwd: string): string {
  const way = relative(cwd, path);
  return way.startsWith('..') || isAbsolute(way) ? path : way;
}
