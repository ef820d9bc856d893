import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Config, SendOptions } from '../../src/index.ts';
import type { Stage } from './stage.ts';

/** What a sending process is told. */
export interface SenderOrder {
  readonly url: string;
  readonly backends: NonNullable<Config['backends']>;
  /** One streamed send, or small ones, 200 in flight, until it is killed. */
  readonly mode: 'bulk' | 'singles';
  /** Texts begin with it, and so do identities. */
  readonly name: string;
  readonly recipients: number;
  /** Ids are added to this file once their send has resolved. */
  readonly acknowledged: string;
  readonly clockShiftMs?: number;
  readonly options?: Pick<SendOptions, 'validForSeconds'>;
}

/** What a sending process tells. */
export type SenderNews = { readonly kind: 'ready' } | { readonly kind: 'written'; readonly count: number };

/** One sending process. */
export class SenderProcess {
  readonly #child: ChildProcess;
  readonly ended: Promise<unknown>;
  /** Rows of the streamed send written so far, and not yet committed. */
  written = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = once(child, 'exit');
    child.on('message', (news: SenderNews) => {
      if (news.kind === 'written') this.written = news.count;
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

/** Starts a process that sends; resolves when it begins. It is killed when the stage closes. */
export async function startSender(stage: Stage, order: SenderOrder): Promise<SenderProcess> {
  const child = fork(join(import.meta.dirname, 'sender-process.ts'), [JSON.stringify(order)], {
    execArgv: [],
  });
  const sender = new SenderProcess(child);
  stage.onClose(() => (sender.isRunning ? sender.kill() : undefined));
  await new Promise<void>((resolve, reject) => {
    child.on('message', (news: SenderNews) => news.kind === 'ready' && resolve());
    child.once('exit', (code) => reject(new Error(`the sender ended with code ${code}`)));
  });
  return sender;
}
