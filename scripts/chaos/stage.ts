import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgresServer } from './postgres-server.ts';
import { type Random, seededRandom } from './random.ts';
import { type Finding, isKept, type Outcome, type Scenario, Skipped } from './scenario.ts';

export interface StageOptions {
  readonly seed: number;
  /** Small sizes and few faults, for tests. */
  readonly short: boolean;
  /**
   * A migrated database without rows, for scenarios that leave the server alone; one on a server of
   * the scenario's own unless given.
   */
  readonly database?: (() => Promise<{ url: string; drop(): Promise<void> }>) | undefined;
  /** Told what is going on. */
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** Where one scenario plays: its chance, its folder, its servers and processes, and its findings. */
export class Stage {
  readonly random: Random;
  readonly short: boolean;
  /** Open to all, as a PostgreSQL server may run under another account. */
  readonly folder: string;
  readonly injections: string[] = [];
  readonly findings: Finding[] = [];
  readonly #options: StageOptions;
  readonly #closers: (() => unknown)[] = [];

  constructor(options: StageOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.short = options.short;
    this.folder = mkdtempSync(join(tmpdir(), 'textyard-chaos-'));
    chmodSync(this.folder, 0o755);
  }

  /** The full size, or the short one. */
  size<T>(full: T, short: T): T {
    return this.short ? short : full;
  }

  progress(text: string): void {
    this.#options.onProgress?.(text);
  }

  /** Says what was done to the system. */
  injected(text: string): void {
    this.injections.push(text);
  }

  /** Says what was promised, whether it was kept, and by what figures one sees it. */
  promise(promise: string, kept: boolean, found: string): void {
    this.findings.push({ promise, kept, found });
  }

  /** Registers what has to be closed at the end, also after a failure; in reverse order. */
  onClose(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** A migrated database on a server that the scenario leaves alone. */
  async database(): Promise<string> {
    if (this.#options.database) {
      const { url, drop } = await this.#options.database();
      this.onClose(drop);
      return url;
    }
    return (await this.server()).url;
  }

  /** A migrated server of the scenario's own, that it may do anything to. */
  async server(): Promise<PostgresServer> {
    const server = new PostgresServer(join(this.folder, 'postgres'), {
      // Processes die here, not the machine: what was written is there, synced or not.
      ...(this.short ? { fsync: 'off' } : {}),
    });
    this.onClose(() => server.stop());
    await server.start();
    await server.migrate();
    return server;
  }

  async close(): Promise<void> {
    for (let close = this.#closers.pop(); close; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        this.progress(`could not be cleared away: ${(error as Error).message}`);
      }
    }
  }
}

/** Runs one scenario from start to end; what it opened is closed, and its folder removed unless a promise broke. */
export async function runScenario(scenario: Scenario, options: StageOptions): Promise<Outcome> {
  const began = performance.now();
  const stage = new Stage(options);
  let skipped: string | undefined;
  const close = () => stage.close().finally(() => process.exit(130));
  process.once('SIGINT', close);
  try {
    await scenario.run(stage);
  } catch (error) {
    if (error instanceof Skipped) skipped = error.message;
    else stage.promise('the scenario runs to its end', false, String((error as Error).stack ?? error));
  } finally {
    process.off('SIGINT', close);
    await stage.close();
  }
  const outcome: Outcome = {
    scenario: scenario.name,
    seed: options.seed,
    injected: stage.injections,
    findings: stage.findings,
    skipped,
    seconds: (performance.now() - began) / 1000,
    folder: undefined,
  };
  if (!isKept(outcome)) return { ...outcome, folder: stage.folder };
  rmSync(stage.folder, { recursive: true, force: true });
  return outcome;
}
