/**
 * Which processes of this machine are alive, and whose turn it is: a lock file that survives no
 * crash, and a folder in which every user of something has a file.
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TextyardError } from '../errors.ts';

/** A lock file without content was being written when its owner died, if it is older than this. */
const EMPTY_LOCK_STALE_MS = 2000;

/** True if a process with this id exists, also one of another account. */
export function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  // A zombie still has its id, but does nothing any more.
  return processStat(pid)?.state !== 'Z';
}

/** State letter and start (in clock ticks since boot) of a process; Linux only. */
function processStat(pid: number): { state: string; start: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', start: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** This process's mark: its id, and on Linux its start, since ids are used again. */
export function processMark(pid: number = process.pid): string {
  return `${pid} ${processStat(pid)?.start ?? ''}`.trim();
}

/** True if the process that left this mark is still the one with that id. */
export function isMarkAlive(mark: string): boolean {
  const [pid, start] = mark.trim().split(' ');
  if (!isAlive(Number(pid))) return false;
  const now = processStat(Number(pid))?.start;
  return start === undefined || now === undefined || now === start;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Takes the lock if it is free or its owner is dead; returns whether it was taken. */
export function tryLock(file: string): boolean {
  if (createExclusively(file)) return true;
  const owner = read(file);
  if (owner === undefined) return createExclusively(file);
  if (owner === '') {
    const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age < EMPTY_LOCK_STALE_MS) return false;
  } else if (isMarkAlive(owner)) {
    return false;
  }
  // Moved away and looked at again: another process may have taken the stale lock over meanwhile.
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return false;
  }
  const moved = read(aside);
  if (moved !== owner) {
    renameSync(aside, file);
    return false;
  }
  rmSync(aside, { force: true });
  return createExclusively(file);
}

function createExclusively(file: string): boolean {
  let fd: number;
  try {
    fd = openSync(file, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(fd, processMark());
  } finally {
    closeSync(fd);
  }
  return true;
}

/**
 * Runs `work` while holding the lock file.
 * @param timeoutMs how long to wait for another process, in milliseconds
 * @throws TextyardError('unavailable') if another living process holds it all that time
 */
export async function withLock<T>(file: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  while (!tryLock(file)) {
    if (Date.now() > deadline) {
      const owner = read(file)?.split(' ')[0] ?? 'unknown';
      throw new TextyardError(
        'unavailable',
        `Process ${owner} has held ${file} for ${Math.round(timeoutMs / 1000)} s: stop it, or delete the file if it is no process of Textyard.`,
      );
    }
    await sleep(25);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** As `withLock`, for a process that is exiting and can wait for nothing but the clock. */
export function withLockSync(file: string, timeoutMs: number, work: () => void): boolean {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const deadline = Date.now() + timeoutMs;
  while (!tryLock(file)) {
    if (Date.now() > deadline) return false;
    Atomics.wait(clock, 0, 0, 10);
  }
  try {
    work();
  } finally {
    rmSync(file, { force: true });
  }
  return true;
}

/** Notes this process as a user; returns the function that strikes it out again. */
export function registerUser(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let turn = 1; ; turn += 1) {
    // One process may use the same server several times over, each use with its own file.
    const file = join(folder, turn === 1 ? `${process.pid}` : `${process.pid}.${turn}`);
    const mark = processMark();
    if (!createExclusively(file)) {
      if (read(file) === mark) continue;
      rmSync(file, { force: true });
      if (!createExclusively(file)) continue;
    }
    return () => rmSync(file, { force: true });
  }
}

/** The ids of the living users; the files of dead ones are removed. */
export function livingUsers(folder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const mark = read(join(folder, name));
    if (mark !== undefined && isMarkAlive(mark === '' ? name : mark)) return [Number.parseInt(name, 10)];
    rmSync(join(folder, name), { force: true });
    return [];
  });
}
