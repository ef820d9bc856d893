import type { Command } from 'commander';
import type { Textyard } from '../main.ts';
import { UsageError } from './failures.ts';
import { type CommonOptions, commaList, withCommonOptions, withExamples } from './options.ts';
import { printJson } from './terminal.ts';
import { exitOnSignals, openYard, runUntilStopped } from './yard.ts';

/** Which part of the work this process takes. */
export interface WorkerShare extends CommonOptions {
  backends?: string[];
  inbound?: boolean;
}

/** `textyard worker` */
export function define(command: Command): void {
  withExamples(
    withCommonOptions(withShareOptions(command)),
    'textyard worker',
    'textyard worker --backends twilio-main,smpp-mtn --no-inbound',
    'kill -TERM <pid>   # finishes what is under way; a second time stops at once',
  ).action((options: WorkerShare) => runWorker(options));
}

/** Adds `--backends` and `--no-inbound`. */
export function withShareOptions(command: Command): Command {
  return command
    .option('--backends <names>', 'send for these backends only, separated by commas', commaList)
    .option('--no-inbound', 'leave inbound texts to other workers');
}

async function runWorker(options: WorkerShare): Promise<void> {
  const undo = exitOnSignals();
  const yard = await openYard(options);
  const worker = await startShare(yard, options);
  undo();
  if (options.json) {
    printJson({ worker: worker.id, pid: process.pid, backends: [...yard.lines.keys()] }, 0);
  }
  await runUntilStopped(yard, () => worker.abort());
}

/** Starts the worker for the share of the work that the options name; closes the yard if it cannot. */
export async function startShare(yard: Textyard, options: WorkerShare) {
  try {
    const { backends } = yard.settings;
    const unknown = options.backends?.find((name) => !backends.has(name));
    if (unknown !== undefined) {
      throw new UsageError(
        `--backends: no backend is called "${unknown}"; there are ${[...backends.keys()].join(', ')}`,
      );
    }
    // The command line goes over the config file and the environment.
    return await yard.startWorker({
      ...(options.backends ? { backends: options.backends } : {}),
      ...(options.inbound === false ? { inbound: false } : {}),
    });
  } catch (error) {
    await yard.close();
    throw error;
  }
}
