import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What a worker process is told. */
export interface WorkerOrder {
  readonly url: string;
  /** How long the operator takes to answer a call. */
  readonly latencyMs?: number;
  /** Tell what was handed over, and when. */
  readonly tellTimes?: boolean;
}

/** What a worker process tells. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'memory'; readonly rssMb: number }
  | { readonly kind: 'handed'; readonly text: string; readonly at: number };

export interface WorkerProcesses {
  /** The most memory that any of them was seen to have, in MB. */
  readonly peakRssMb: number;
  stop(): Promise<void>;
}

/** Starts workers, each in a process of its own; resolves when all of them work. */
export async function startWorkers(
  count: number,
  order: WorkerOrder,
  onHanded: (text: string, at: number) => void = () => {},
): Promise<WorkerProcesses> {
  let peakRssMb = 0;
  const start = async (): Promise<ChildProcess> => {
    const child = fork(join(import.meta.dirname, 'worker-process.ts'), [JSON.stringify(order)], {
      execArgv: [],
    });
    await new Promise<void>((resolve, reject) => {
      child.on('message', (message: WorkerMessage) => {
        if (message.kind === 'ready') resolve();
        else if (message.kind === 'memory') peakRssMb = Math.max(peakRssMb, message.rssMb);
        else onHanded(message.text, message.at);
      });
      child.once('exit', (code) => reject(new Error(`a worker process ended with code ${code}`)));
    });
    return child;
  };
  const children = await Promise.all(Array.from({ length: count }, start));
  return {
    get peakRssMb() {
      return peakRssMb;
    },
    async stop() {
      await Promise.all(
        children.map(async (child) => {
          const ended = once(child, 'exit');
          child.disconnect();
          await ended;
        }),
      );
    },
  };
}
