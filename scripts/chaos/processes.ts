/** Processes by their ids: who are whose children, who lives, and waiting for an end. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The direct children of a process. */
export function childrenOf(pid: number): number[] {
  if (process.platform !== 'linux') {
    const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
    const rows = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
    return rows.flatMap(([child = 0, parent]) => (parent === pid ? [child] : []));
  }
  return readdirSync('/proc').flatMap((name) => {
    const child = Number(name);
    return Number.isInteger(child) && statusOf(child)?.parent === pid ? [child] : [];
  });
}

/** Whether it runs; one that has ended and was not collected by its parent does not. */
export function isRunning(pid: number): boolean {
  if (process.platform === 'linux') {
    const status = statusOf(pid);
    return status !== undefined && status.state !== 'Z' && status.state !== 'X';
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function statusOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name comes in brackets and may hold anything.
    const [state = '', parent = '0'] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** Sends a signal; nothing happens if the process is gone. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Resolves when none of the processes runs. */
export async function untilEnded(pids: readonly number[]): Promise<void> {
  while (pids.some(isRunning)) await sleep(5);
}
