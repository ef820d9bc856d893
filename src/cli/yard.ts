import type { OpenOptions, Textyard } from '../main.ts';
import { EXIT } from './failures.ts';
import type { CommonOptions } from './options.ts';
import { note } from './terminal.ts';

/**
 * Opens the yard for one command, and closes it when the command is through. Only warnings are
 * logged, to standard error, unless TEXTYARD_LOG_LEVEL says otherwise.
 */
export async function withYard<T>(
  options: CommonOptions,
  work: (yard: Textyard) => Promise<T>,
  open: OpenOptions = {},
): Promise<T> {
  const undo = exitOnSignals();
  try {
    const yard = await openYard(options, { log: await quietLog(), maxConnections: 4, ...open });
    try {
      return await work(yard);
    } catch (error) {
      throw await describeOutage(error, yard.database.url);
    } finally {
      await yard.close();
    }
  } finally {
    undo();
  }
}

/** As `openTextyard`, telling the person what takes time. */
export async function openYard(options: CommonOptions, open: OpenOptions = {}): Promise<Textyard> {
  const { openTextyard } = await import('../main.ts');
  return openTextyard({
    ...(options.config === undefined ? {} : { configPath: options.config }),
    onProgress: tell,
    ...open,
  });
}

/** What nearly every command does, in milliseconds, and what needs no telling. */
const USUAL = ['starting PostgreSQL', 'the schema is current'];

/** Progress worth a line. */
export function tell(message: string): void {
  if (!USUAL.includes(message)) note(message);
}

/** A database that went away in the middle is told like one that was never there. */
export async function describeOutage(error: unknown, url: string): Promise<unknown> {
  const { describeConnectionError } = await import('../store/connection-errors.ts');
  return describeConnectionError(error, url);
}

async function quietLog() {
  const { pino } = await import('pino');
  const { LOG_LEVELS } = await import('../config/settings.ts');
  const asked = LOG_LEVELS.find((level) => level === process.env.TEXTYARD_LOG_LEVEL?.trim().toLowerCase());
  return pino({ level: asked ?? 'warn' }, pino.destination({ dest: 2, sync: true }));
}

/**
 * Lets Ctrl-C end a short command by way of `process.exit`, so that the embedded PostgreSQL is not
 * left behind. Returns how to undo it.
 */
export function exitOnSignals(): () => void {
  const onInterrupt = () => process.exit(130);
  const onTerminate = () => process.exit(143);
  process.once('SIGINT', onInterrupt);
  process.once('SIGTERM', onTerminate);
  return () => {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onTerminate);
  };
}

/** npm sends Ctrl-C on to its child, which the terminal has told already: this close, both are one. */
const SAME_KEYPRESS_MS = 250;
/** How long aborted calls may take to be written down, in milliseconds. */
const ABORTED_MS = 3_000;

/**
 * Waits for SIGTERM or SIGINT, then finishes what is under way and closes the yard. A second
 * signal ends it at once, with exit code 1.
 *
 * @param abort ends the calls under way
 */
export function runUntilStopped(yard: Textyard, abort: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let first: number | undefined;
    let aborted = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (first === undefined) {
        first = performance.now();
        const { shutdownSeconds } = yard.settings.worker;
        note(`${signal}: finishing what is under way, at most ${shutdownSeconds} s; once more stops at once`);
        yard.close().then(() => {
          if (aborted) process.exit(EXIT.failed);
          note('stopped');
          resolve();
        }, reject);
        return;
      }
      if (aborted || performance.now() - first < SAME_KEYPRESS_MS) return;
      aborted = true;
      note(`${signal} again: stopping at once; what was being handed over is tried again or held`);
      abort();
      setTimeout(() => process.exit(EXIT.failed), ABORTED_MS).unref();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}
