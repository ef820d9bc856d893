import type { Command } from 'commander';
import { type CommonOptions, withCommonOptions, withExamples } from './options.ts';
import { print, printJson } from './terminal.ts';
import { withYard } from './yard.ts';

interface ReceiveOptions extends CommonOptions {
  backend: string;
  from: string;
  text: string;
  externalId?: string;
}

/** `textyard receive` */
export function define(command: Command): void {
  withExamples(
    withCommonOptions(
      command
        .requiredOption('--backend <name>', 'the backend it comes in by')
        .requiredOption('--from <number>', 'the phone that sends it')
        .requiredOption('--text <text>', 'what it says')
        .option('--external-id <id>', "the provider's id; the same one twice is one message"),
    ),
    "textyard receive --backend simulator --from '+1 202 555 0123' --text ping",
    'textyard receive --backend simulator --from +12025550123 --text STOP --external-id SM42 --json',
  ).action((options: ReceiveOptions) => receive(options));
}

async function receive(options: ReceiveOptions): Promise<void> {
  const { backend, from, text, externalId } = options;
  const message = await withYard(options, (yard) =>
    yard.router.receive(text, { backend, identity: from }, externalId === undefined ? {} : { externalId }),
  );
  const { id, duplicate, connection } = message;
  if (options.json) printJson({ id, duplicate, backend: connection.backend, from: connection.identity });
  else if (duplicate) print(`Received before: it is message ${id}.`);
  else print(`Received as message ${id} from ${connection.identity} on ${connection.backend}.`);
}
