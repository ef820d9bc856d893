import type { Command } from 'commander';
import type { Settings } from '../config/settings.ts';
import { type SendReport, textWarnings } from '../router/send.ts';
import { BadLines } from './bad-lines.ts';
import { UsageError } from './failures.ts';
import { backendOf, Mailing, type SendCommandOptions } from './mailing.ts';
import { collect, isoTime, positiveNumber, wholeNumber, withCommonOptions, withExamples } from './options.ts';
import { dryRun } from './send-dry-run.ts';
import { count, duration, plural, print, printJson } from './terminal.ts';
import { withYard } from './yard.ts';

/** `textyard send` */
export function define(command: Command): void {
  withExamples(
    withCommonOptions(
      command
        .requiredOption('--text <text>', 'the text; {name} stands for the column "name" of the CSV file')
        .option('--backend <name>', 'the backend to send by (not needed when there is only one)')
        .option('--to <number>', 'a recipient; may be given several times', collect)
        .option('--csv <file>', 'a file of recipients with a heading line, or - for standard input')
        .option('--column <name>', 'the column with the numbers (default: phone, number, mobile, …)')
        .option('--at <time>', 'not before this time, such as 2026-12-01T09:00:00Z', isoTime)
        .option(
          '--valid-for <seconds>',
          'not later than this long after it could first be sent',
          positiveNumber,
        )
        .option('--priority <number>', 'from -100 to 100; higher goes first', wholeNumber)
        .option('--idempotency-key <key>', 'the same key twice sends once')
        .option('--strict', 'with one bad line, send to nobody')
        .option('--dry-run', 'check everything and count, but send nothing')
        .option('--problems <file>', 'write all bad lines to this CSV file'),
    ),
    "textyard send --backend simulator --to '+1 202 555 0123' --text 'Hello'",
    "textyard send --csv people.csv --text 'Hi {name}' --dry-run",
    "textyard send --csv people.csv --column mobile --text 'Hi {name}' --problems bad.csv",
    "zcat people.csv.gz | textyard send --csv - --text 'Sale ends tonight' --valid-for 7200",
    "textyard send --to +12025550123 --text 'Good morning' --at 2026-12-01T09:00:00Z",
  ).action((options: SendCommandOptions) => send(options));
}

async function send(options: SendCommandOptions): Promise<void> {
  const { to, csv } = options;
  if (to === undefined && csv === undefined) throw new UsageError('send: give --to NUMBER or --csv FILE');
  if (to !== undefined && csv !== undefined) throw new UsageError('send: --to and --csv exclude each other');
  if (csv === undefined && options.column !== undefined)
    throw new UsageError('--column: goes with --csv only');
  const bad = new BadLines(options.problems);
  try {
    if (options.dryRun) await dryRun(options, bad);
    else await withYard(options, (yard) => sendNow(options, yard.settings, yard.router, bad));
  } finally {
    await bad.close();
  }
}

async function sendNow(
  options: SendCommandOptions,
  settings: Settings,
  router: import('../router/router.ts').Router,
  bad: BadLines,
): Promise<void> {
  const began = performance.now();
  const mailing = new Mailing(options, backendOf(options, settings), bad);
  const report = await router.send(mailing.text, mailing.recipients(), {
    onProblem: (problem) => bad.add(problem.line, problem.identity, problem.problem),
    ...(options.at === undefined ? {} : { sendAt: options.at }),
    ...(options.validFor === undefined ? {} : { validForSeconds: options.validFor }),
    ...(options.priority === undefined ? {} : { priority: options.priority }),
    ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
  });
  tellReport(options, report, mailing, bad, (performance.now() - began) / 1000);
}

function tellReport(
  options: SendCommandOptions,
  report: SendReport,
  mailing: Mailing,
  bad: BadLines,
  seconds: number,
): void {
  bad.tell();
  const rejected = report.replayed ? 0 : bad.count;
  const { least, most } =
    mailing.segments.most > 0 ? mailing.segments : { least: report.segments, most: report.segments };
  const warnings = textWarnings(most);
  if (options.json) {
    const { id, queued, suppressed, duplicates, replayed, cancelled } = report;
    printJson({
      id: cancelled ? null : id,
      queued: replayed ? 0 : queued,
      rejected,
      suppressed,
      duplicates,
      segments: { least, most },
      warnings,
      replayed,
      cancelled,
      problems: bad.first,
      seconds: Math.round(seconds * 1000) / 1000,
    });
    return;
  }
  for (const warning of warnings) process.stderr.write(`textyard: warning: ${warning}\n`);
  if (report.cancelled) {
    print('An app cancelled the message; nothing was sent.');
    return;
  }
  if (report.replayed) {
    print(`This key was used before, for message ${report.id}; nothing was sent now.`);
    return;
  }
  const rate =
    report.queued > 1000 ? ` in ${duration(seconds)}, ${count(Math.round(report.queued / seconds))}/s` : '';
  const when =
    options.at && options.at.getTime() > Date.now() ? `, to be sent at ${options.at.toISOString()}` : '';
  print(`Queued ${plural(report.queued, 'recipient')}${rate}${when}.`);
  print(`  rejected    ${count(rejected)}`);
  print(`  suppressed  ${count(report.suppressed)}`);
  print(`  duplicates  ${count(report.duplicates)}`);
  print(`  segments    ${least === most ? most : `${least} to ${most}`} each`);
  print(`  message     ${report.id}`);
}
