import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { Simulator } from '../backends/simulator/simulator.ts';
import { TextyardError } from '../errors.ts';
import type { Textyard } from '../main.ts';
import type { AppLog } from '../router/app-services.ts';
import { readRecipientsCsv } from '../router/recipients-csv.ts';
import type { SendReport } from '../router/send.ts';
import { compileTemplate } from '../router/template.ts';
import { normalizeNumber } from '../sms/numbers.ts';
import { hasEarlierTraffic, trafficSince } from '../store/reports.ts';
import { workersPerBackend } from '../store/workers.ts';
import { DemoProgress, summarize, type Traffic } from './demo-progress.ts';
import { type DemoResult, gatherReports, showDemoReport, showNextSteps } from './demo-report.ts';
import { type CommonOptions, positiveNumber, withCommonOptions, withExamples } from './options.ts';
import { listen } from './start.ts';
import { WORKER_SEEN_SECONDS } from './status.ts';
import { note, plural, printJson } from './terminal.ts';
import { exitOnSignals, openYard, runUntilStopped } from './yard.ts';

interface DemoOptions extends CommonOptions {
  once?: boolean;
  timeout: number;
}

const TEXT =
  'Hi {name}, the yard opens on Saturday at 9. Answer YES to come or NO to pass; STOP ends these texts.';

const PACKAGE_ROOT = join(import.meta.dirname, '..', '..');
const DEMO_FOLDER = join(PACKAGE_ROOT, 'scripts', 'demo');

/** How often the tables are asked how far it is, in milliseconds. */
const LOOK_MS = 250;
/** Nothing may have moved for so many looks before it counts as settled. */
const STILL_LOOKS = 4;

/** `textyard demo` */
export function define(command: Command): void {
  withExamples(
    withCommonOptions(
      command
        .option('--once', 'end when all is settled, instead of staying up')
        .option('--timeout <seconds>', 'fail when it has not settled after this long', positiveNumber, 60),
      'scripts/demo/textyard.config.ts',
    ),
    'npm run demo',
    'npm run demo -- --once',
    'DATABASE_URL=postgresql://… npm run demo',
  ).action((options: DemoOptions) => demo(options));
}

async function demo(options: DemoOptions): Promise<void> {
  const recipients = demoFile('recipients.csv');
  const config = options.config ?? demoFile('textyard.config.ts');
  const undo = exitOnSignals();
  const troubles: string[] = [];
  const began = performance.now();
  const yard = await openYard({ config }, { migrate: true, log: collectingLog(troubles) });
  try {
    const since = new Date();
    const isFirst = !(await hasEarlierTraffic(yard.database, since));
    const others = await workersPerBackend(yard.database, WORKER_SEEN_SECONDS);
    if (others.size > 0) note('another worker is at work on this database and will take a part');
    const server = options.once ? undefined : await listen(yard);
    const worker = await yard.startWorker();
    const { report, lines, badLines } = await sendAll(yard, recipients);
    note(
      `${plural(lines, 'line')} read, ${plural(report.queued, 'text')} queued; the phones are being texted …`,
    );
    const traffic = await untilSettled(yard, since, options);
    const result: DemoResult = {
      lines,
      badLines,
      report,
      traffic,
      seconds: Math.round((performance.now() - began) / 100) / 10,
      ...(await gatherReports(yard.database, since)),
    };
    if (options.json) printJson(result);
    else {
      showDemoReport(result, isFirst);
      const isEmbedded = yard.settings.databaseUrl === undefined;
      showNextSteps(yard.database.url, isEmbedded, config, server?.url);
    }
    for (const trouble of troubles.slice(0, 5)) note(trouble);
    undo();
    if (server) await runUntilStopped(yard, () => worker.abort());
  } finally {
    await yard.close();
  }
}

/** @throws TextyardError when the demo's files are not there, as in the package from npm */
function demoFile(name: string): string {
  const path = join(DEMO_FOLDER, name);
  if (existsSync(path)) return path;
  throw new TextyardError(
    'not_found',
    `demo: scripts/demo/${name} is not in ${PACKAGE_ROOT}; the demo runs from a clone of the repository, with "npm run demo"`,
  );
}

/** Sends the file, each recipient by the operator of their continent. */
async function sendAll(
  yard: Textyard,
  file: string,
): Promise<{ report: SendReport; lines: number; badLines: number }> {
  const template = compileTemplate(TEXT);
  let lines = 0;
  let badLines = 0;
  const rows = readRecipientsCsv(file, {
    requiredColumns: template.placeholders,
    onBad: () => {
      lines += 1;
      badLines += 1;
    },
  });
  async function* recipients() {
    for await (const { line, identity, values } of rows) {
      lines += 1;
      const number = normalizeNumber(identity, { defaultCountry: 'US' });
      const backend = number.ok && !number.e164.startsWith('+1') ? 'europe' : 'north-america';
      yield { backend, identity, line, text: template.render(values) };
    }
  }
  const report = await yard.router.send(TEXT, recipients());
  return { report, lines, badLines };
}

/** Shows how it goes until nothing is queued, under way or still to come. @throws TextyardError after the time-out */
async function untilSettled(yard: Textyard, since: Date, options: DemoOptions): Promise<Traffic> {
  const progress = new DemoProgress();
  const deadline = performance.now() + options.timeout * 1000;
  let still = 0;
  let last = '';
  try {
    for (;;) {
      const traffic = summarize(await trafficSince(yard.database, since));
      progress.update(traffic);
      const open = traffic.queued + traffic.underWay + traffic.toBeRetried + traffic.unread;
      const now = JSON.stringify(traffic);
      still = open === 0 && stillToCome(yard) === 0 && now === last ? still + 1 : 0;
      if (still >= STILL_LOOKS) return traffic;
      if (performance.now() > deadline) {
        throw new TextyardError(
          'conflict',
          `demo: not settled after ${options.timeout} s: ${traffic.queued} queued, ${traffic.underWay} under way, ${traffic.toBeRetried} to be retried, ${traffic.unread} texts unread, ${stillToCome(yard)} receipts and answers to come`,
        );
      }
      last = now;
      await sleep(LOOK_MS);
    }
  } finally {
    progress.stop();
  }
}

/** Receipts and answers that the simulated operators have not handed over yet. */
function stillToCome(yard: Textyard): number {
  let pending = 0;
  for (const line of yard.lines.values()) if (line instanceof Simulator) pending += line.pending;
  return pending;
}

/** Log lines would tear the progress bars apart: errors are told at the end. */
function collectingLog(troubles: string[]): AppLog {
  const ignore = () => {};
  return {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields, text) => {
      const { err } = fields as { err?: unknown };
      troubles.push(err instanceof Error ? `${text}: ${err.message}` : text);
    },
  };
}
