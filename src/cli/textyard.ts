#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { describeFailure, EXIT } from './failures.ts';

/** A command's module: adds its options, help and action to the command made for it. */
interface CommandModule {
  define(command: Command): void;
}

/** Only the module of the command that is called is loaded: help and mistakes answer at once. */
const COMMANDS: Record<string, { summary: string; load: () => Promise<CommandModule> }> = {
  demo: {
    summary: 'send 10,000 texts over two simulated operators and show the reports',
    load: () => import('./demo.ts'),
  },
  migrate: { summary: "bring the database's schema up to date", load: () => import('./migrate.ts') },
  start: { summary: 'run a worker and the HTTP server in one process', load: () => import('./start.ts') },
  worker: { summary: 'send what is queued, and take inbound texts', load: () => import('./worker.ts') },
  send: { summary: 'send a text to one, several or a file of recipients', load: () => import('./send.ts') },
  receive: { summary: 'put in a text as if a phone had sent it', load: () => import('./receive.ts') },
  status: { summary: 'what is queued, sent and stuck; or one message', load: () => import('./status.ts') },
  messages: { summary: 'list messages, newest first', load: () => import('./messages.ts') },
  backends: { summary: 'list, pause and resume backends', load: () => import('./backends.ts') },
  'dead-letters': {
    summary: 'list what was given up on, and send it again',
    load: () => import('./dead-letters.ts'),
  },
  doctor: { summary: 'check the installation and say what to mend', load: () => import('./doctor.ts') },
};

/** Runs the command line and returns the exit code. */
async function run(argv: readonly string[]): Promise<number> {
  const program = new Command('textyard')
    .description('A durable SMS router on PostgreSQL.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureOutput({
      outputError: (text, write) =>
        write(`${text
          .trim()
          .replace(/^error: /, 'textyard: ')
          .replace(/\.$/, '')} (see --help)
`),
    })
    .exitOverride()
    .addHelpText('after', TOP_LEVEL_HELP);
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(sentence(summary)).summary(summary);
    if (argv.includes(name)) (await load()).define(command);
  }
  try {
    await program.parseAsync(argv as string[], { from: 'user' });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = describeFailure(error);
    for (const line of failure.lines) process.stderr.write(`${line}\n`);
    return failure.exitCode;
  }
}

const TOP_LEVEL_HELP = `
Examples:
  $ textyard demo --once
  $ textyard send --backend simulator --to '+1 202 555 0123' --text 'Hello'
  $ textyard send --csv people.csv --text 'Hi {name}'
  $ textyard status --watch

Settings come from textyard.config.ts in the working directory (or --config FILE) and from
DATABASE_URL; without that variable an embedded PostgreSQL is used, with its data in .textyard/.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the database cannot be reached.`;

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

function version(): string {
  const manifest = join(import.meta.dirname, '..', '..', 'package.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

// What was compiled once is kept in the system's folder for temporary files: half the start-up time.
enableCompileCache();
// `textyard messages | head` ends when head has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
});
const exitCode = await run(process.argv.slice(2));
// Whatever a library left running must not keep the process; what was printed must be out first.
process.stdout.write('', () => process.exit(exitCode));
