import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Config } from '../../src/index.ts';
import type { ClockOrder } from './clock.ts';
import type { Stage } from './stage.ts';

/** What a worker process is told. */
export interface WorkerOrder {
  readonly url: string;
  readonly backends: NonNullable<Config['backends']>;
  readonly worker?: Config['worker'];
  /** Answer each inbound text with itself. */
  readonly echo?: boolean;
  /** How far its wall clock is ahead. */
  readonly clockShiftMs?: number;
  readonly tellMemory?: boolean;
  readonly logFile: string;
}

/** What a worker process tells. */
export type WorkerNews = { readonly kind: 'ready' } | { readonly kind: 'memory'; readonly rssMb: number };

const SCRIPT = join(import.meta.dirname, 'worker-process.ts');

/** One worker process. */
export class WorkerProcess {
  readonly child: ChildProcess;
  readonly memory: number[] = [];
  readonly #ended: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.child = child;
    this.#ended = once(child, 'exit');
    child.on('message', (news: WorkerNews) => {
      if (news.kind === 'memory') this.memory.push(news.rssMb);
    });
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** `kill -9`: it has no moment to finish anything. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended;
  }

  /** Lets it finish what is under way. */
  async stop(): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    await this.#ended;
  }

  setClock(clockShiftMs: number): void {
    this.child.send({ clockShiftMs } satisfies ClockOrder);
  }
}

let serial = 0;

/**
 * Starts a worker; resolves when it works. It is killed when the stage closes.
 *
 * @param script the program, when it is not this version's
 * @throws Error with what it printed when it ends instead
 */
export async function startWorker(
  stage: Stage,
  order: Omit<WorkerOrder, 'logFile'>,
  script = SCRIPT,
): Promise<WorkerProcess> {
  serial += 1;
  const logFile = join(stage.folder, `worker-${serial}.log`);
  const child = fork(script, [JSON.stringify({ ...order, logFile })], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const worker = new WorkerProcess(child);
  stage.onClose(() => (worker.isRunning ? worker.kill() : undefined));
  let printed = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    printed = (printed + chunk.toString()).slice(-4_000);
  });
  await new Promise<void>((resolve, reject) => {
    child.on('message', (news: WorkerNews) => news.kind === 'ready' && resolve());
    child.once('close', (code, signal) =>
      reject(new Error(`a worker ended with ${signal ?? `code ${code}`}: ${printed}`)),
    );
  });
  return worker;
}
