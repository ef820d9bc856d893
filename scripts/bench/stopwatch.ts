let listener: (() => void) | undefined;

/** Calls `started` when the work proper begins: at the first stopwatch that is made. */
export function onFirstStart(started: () => void): void {
  listener = started;
}

/** Time and processor time of this process since it was made. */
export class Stopwatch {
  readonly #cpu: NodeJS.CpuUsage;
  readonly #start: number;

  constructor() {
    listener?.();
    listener = undefined;
    this.#cpu = process.cpuUsage();
    this.#start = performance.now();
  }

  /** Milliseconds passed. */
  get ms(): number {
    return performance.now() - this.#start;
  }

  /** Microseconds of processor time that this process spent, user and system, all threads. */
  get cpuMicros(): number {
    const { user, system } = process.cpuUsage(this.#cpu);
    return user + system;
  }
}

/** How many a second. */
export function perSecond(count: number, ms: number): number {
  return count / (ms / 1000);
}

/** The most resident memory this process ever had, in MB. */
export function peakRssMb(): number {
  return process.resourceUsage().maxRSS / 1024;
}
