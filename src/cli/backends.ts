import type { Command } from 'commander';
import { TextyardError } from '../errors.ts';
import { type BackendRow, listBackends, pauseBackend, resumeBackend } from '../store/backends.ts';
import { backendOverview } from '../store/overview.ts';
import type { Sql } from '../store/sql.ts';
import { type CommonOptions, positiveNumber, withCommonOptions, withExamples } from './options.ts';
import { backendTable, WORKER_SEEN_SECONDS } from './status.ts';
import { print, printJson, time } from './terminal.ts';
import { withYard } from './yard.ts';

interface PauseOptions extends CommonOptions {
  for?: number;
  reason: string;
}

/** `textyard backends`, `backends pause` and `backends resume` */
export function define(command: Command): void {
  withExamples(
    withCommonOptions(command),
    'textyard backends',
    'textyard backends pause twilio-main --for 3600 --reason "number is being moved"',
    'textyard backends resume twilio-main',
  ).action((options: CommonOptions) => list(options));
  withExamples(
    withCommonOptions(
      command
        .command('pause')
        .description('Stop sending by a backend, on all workers; its work stays queued.')
        .argument('<name>', 'the backend')
        .option('--for <seconds>', 'run again by itself after this long', positiveNumber)
        .requiredOption('--reason <text>', 'why, for the others who look after it'),
    ),
    'textyard backends pause twilio-main --reason "out of funds"',
  ).action((name: string, _options: unknown, pausing: Command) => pause(name, pausing.optsWithGlobals()));
  withExamples(
    withCommonOptions(
      command
        .command('resume')
        .description('Let a paused backend run again.')
        .argument('<name>', 'the backend'),
    ),
    'textyard backends resume twilio-main',
  ).action((name: string, _options: unknown, resuming: Command) => resume(name, resuming.optsWithGlobals()));
}

async function list(options: CommonOptions): Promise<void> {
  await withYard(options, async ({ database, settings }) => {
    const backends = await backendOverview(database, WORKER_SEEN_SECONDS);
    const types = new Map([...settings.backends.values()].map(({ name, type }) => [name, type]));
    if (options.json) printJson(backends.map((one) => ({ ...one, type: types.get(one.name) ?? null })));
    else print(backendTable(backends, types));
  });
}

async function pause(name: string, options: PauseOptions): Promise<void> {
  const after = await withYard(options, async ({ database }) => {
    const { id } = await findBackendRow(database, name);
    await pauseBackend(database, id, options.reason, options.for);
    return findBackendRow(database, name);
  });
  if (options.json) {
    printJson(after);
    return;
  }
  const until = after.pausedUntil ? `until ${time(after.pausedUntil)}` : 'until it is resumed';
  print(`${name} is paused ${until}: ${after.pausedReason ?? ''}`);
}

async function resume(name: string, options: CommonOptions): Promise<void> {
  const after = await withYard(options, async ({ database }) => {
    await findBackendRow(database, name);
    await resumeBackend(database, name);
    return findBackendRow(database, name);
  });
  if (options.json) printJson(after);
  else print(`${name} is running.`);
}

/** @throws TextyardError naming the backends there are */
export async function findBackendRow(sql: Sql, name: string): Promise<BackendRow> {
  const rows = await listBackends(sql);
  const row = rows.find((one) => one.name === name);
  if (row) return row;
  const known = rows.map((one) => one.name).join(', ') || 'none yet';
  throw new TextyardError('not_found', `backend: there is no backend "${name}"; there are ${known}`, {
    field: 'backend',
  });
}
