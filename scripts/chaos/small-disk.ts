import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Skipped } from './scenario.ts';
import type { Stage } from './stage.ts';

/** A file system of a few megabytes, which can be filled and emptied again. */
export class SmallDisk {
  readonly path: string;
  readonly #filler: string;

  private constructor(path: string) {
    this.path = path;
    this.#filler = join(path, 'filler');
  }

  /** @throws Skipped where this process may not mount one */
  static mount(stage: Stage, megabytes: number): SmallDisk {
    const path = join(stage.folder, 'disk');
    mkdirSync(path);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', path], {
      encoding: 'utf8',
    });
    if (mounted.status !== 0) {
      const why = mounted.error?.message ?? mounted.stderr.trim();
      throw new Skipped(`a small file system cannot be mounted here, which takes root: ${why}`);
    }
    stage.onClose(() => spawnSync('umount', ['-l', path]));
    return new SmallDisk(path);
  }

  /** Leaves no more room than this. */
  fill(leaveBytes: number): void {
    const file = openSync(this.#filler, 'w');
    const block = Buffer.alloc(65_536);
    while (this.freeBytes > leaveBytes + block.length) writeSync(file, block);
    closeSync(file);
  }

  empty(): void {
    rmSync(this.#filler, { force: true });
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }
}
