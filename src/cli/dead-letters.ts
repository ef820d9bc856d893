import type { Command } from 'commander';
import { MOST_DEAD_JOBS } from '../router/redrive.ts';
import {
  countDeadTransmissions,
  countErroredInbound,
  type DeadFilter,
  listDeadTransmissions,
  listErroredInbound,
} from '../store/dead-letters.ts';
import { findBackendRow } from './backends.ts';
import { UsageError } from './failures.ts';
import { type CommonOptions, idList, positiveInteger, withCommonOptions, withExamples } from './options.ts';
import { showProgress } from './progress.ts';
import { oneLine, plural, print, printJson, table, time } from './terminal.ts';
import { withYard } from './yard.ts';

interface ListOptions extends CommonOptions {
  backend?: string;
  code?: string;
  limit: number;
}

interface RedriveOptions extends CommonOptions {
  backend?: string;
  code?: string;
  ids?: string[];
  all?: boolean;
}

/** `textyard dead-letters list` and `dead-letters redrive` */
export function define(command: Command): void {
  const examples = [
    'textyard dead-letters list',
    'textyard dead-letters list --code unknown_outcome --json',
    'textyard dead-letters redrive --backend smpp-mtn',
    'textyard dead-letters redrive --all',
  ];
  withExamples(command, ...examples);
  withExamples(
    withCommonOptions(
      command
        .command('list', { isDefault: true })
        .description(
          'List transmissions and jobs that were given up on, and inbound texts that apps failed on.',
        )
        .option('--backend <name>', 'of this backend only')
        .option('--code <code>', 'transmissions with this error code only, such as unknown_outcome')
        .option('--limit <number>', 'how many to name of each kind', positiveInteger, 20),
    ),
    ...examples.slice(0, 2),
  ).action((_options: unknown, listing: Command) => list(listing.optsWithGlobals()));
  withExamples(
    withCommonOptions(
      command
        .command('redrive')
        .description('Send again what was given up on. What had an unknown outcome may arrive twice.')
        .option('--backend <name>', 'of this backend only')
        .option('--code <code>', 'transmissions with this error code only')
        .option(
          '--ids <ids>',
          'these only: ids of transmissions, inbound messages or jobs, with commas',
          idList,
        )
        .option('--all', 'everything'),
    ),
    ...examples.slice(2),
  ).action((_options: unknown, redriving: Command) => redriveSome(redriving.optsWithGlobals()));
}

async function list(options: ListOptions): Promise<void> {
  const { backend, code, limit } = options;
  await withYard(options, async ({ database, jobs }) => {
    if (backend !== undefined) await findBackendRow(database, backend);
    const filter: DeadFilter = { backend, code };
    const counts = await countDeadTransmissions(database, filter);
    const transmissions = await listDeadTransmissions(database, filter, limit);
    // Only transmissions have an error code.
    const inboundCount = code === undefined ? await countErroredInbound(database, filter) : 0;
    const inbound = inboundCount > 0 ? await listErroredInbound(database, filter, limit) : [];
    const allJobs = code === undefined ? await jobs.deadJobs(MOST_DEAD_JOBS) : [];
    const dead = allJobs.filter((job) => backend === undefined || job.queue === `outbound.${backend}`);
    if (options.json) {
      printJson({
        counts,
        transmissions,
        inboundCount,
        inbound,
        jobs: dead.slice(0, limit),
        jobCount: dead.length,
      });
      return;
    }
    if (counts.length + inboundCount + dead.length === 0) {
      print('No dead letters.');
      return;
    }
    if (counts.length > 0) {
      print(
        table(
          ['backend', 'error code', 'transmissions', 'first', 'last'],
          counts.map((one) => [
            one.backend,
            one.errorCode,
            one.transmissions,
            time(one.oldest),
            time(one.newest),
          ]),
        ),
      );
      print(`\nThe latest ${plural(transmissions.length, 'transmission')}:`);
      print(
        table(
          ['id', 'phone', 'error code', 'tries', 'given up', 'in their words'],
          transmissions.map((one) => [
            one.id,
            one.identity,
            one.errorCode,
            one.attempts,
            time(one.deadAt),
            oneLine(one.errorMessage ?? '', 60),
          ]),
        ),
      );
    }
    if (inboundCount > 0) {
      print(`\n${plural(inboundCount, 'inbound text')} that an app failed on; the latest:`);
      print(
        table(
          ['id', 'backend', 'received', 'text', 'error'],
          inbound.map((one) => [
            one.id,
            one.backend,
            time(one.date),
            oneLine(one.text, 30),
            oneLine(one.error ?? '', 60),
          ]),
        ),
      );
    }
    if (dead.length > 0) {
      print(`\n${plural(dead.length, 'job')} given up on; the latest:`);
      print(
        table(
          ['id', 'queue', 'given up', 'error'],
          dead.slice(0, limit).map((job) => [job.id, job.queue, time(job.date), oneLine(job.error, 60)]),
        ),
      );
    }
    print('\nTo send them again: textyard dead-letters redrive --all (or --backend, --code, --ids)');
  });
}

async function redriveSome(options: RedriveOptions): Promise<void> {
  const { backend, code, ids, all } = options;
  const isNarrowed = backend !== undefined || code !== undefined || ids !== undefined;
  if (!all && !isNarrowed) throw new UsageError('redrive: say which: --all, or --backend, --code, --ids');
  if (all && isNarrowed) throw new UsageError('redrive: --all excludes --backend, --code and --ids');
  const redriven = await withYard(options, async (yard) => {
    if (backend !== undefined) await findBackendRow(yard.database, backend);
    const progress = showProgress('put back', undefined);
    try {
      return await yard.router.redrive({ backend, code, ids }, (done) => progress.update(done, done));
    } finally {
      progress.stop();
    }
  });
  if (options.json) printJson(redriven);
  else {
    const { transmissions, inbound, jobs } = redriven;
    print(
      `Put back ${plural(transmissions, 'transmission')}, ${plural(inbound, 'inbound text')} and ${plural(jobs, 'job')}.`,
    );
  }
}
