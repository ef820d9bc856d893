import { dirname, join, relative } from 'node:path';
import type { SendReport } from '../router/send.ts';
import {
  type BackendReport,
  backendReport,
  type DeliveryReport,
  deliveryReport,
  type ErrorReport,
  errorReport,
} from '../store/reports.ts';
import type { Sql } from '../store/sql.ts';
import type { Traffic } from './demo-progress.ts';
import { count, oneLine, print, table } from './terminal.ts';

/** All that the demo has to tell. */
export interface DemoResult {
  /** Lines of the file, without its heading. */
  readonly lines: number;
  /** Lines that have no usable row, such as those without a name. */
  readonly badLines: number;
  readonly report: SendReport;
  readonly traffic: Traffic;
  readonly seconds: number;
  readonly messages: readonly DeliveryReport[];
  readonly backends: readonly BackendReport[];
  readonly errors: readonly ErrorReport[];
}

/** Texts shown by themselves; the rest is summed up. */
const MOST_TEXTS = 14;

/** The three reports. @param since when the demo began */
export async function gatherReports(sql: Sql, since: Date) {
  const [messages, backends, errors] = await Promise.all([
    deliveryReport(sql, since),
    backendReport(sql, since),
    errorReport(sql),
  ]);
  return { messages, backends, errors };
}

/** Prints the reports as tables. @param isFirst nothing was in the database before */
export function showDemoReport(result: DemoResult, isFirst: boolean): void {
  const { lines, badLines, report, messages, backends, errors, seconds } = result;
  const rejected = report.rejected + badLines;
  print(`\nSettled after ${seconds} s.`);
  print(
    `${count(lines)} lines = ${count(report.queued)} queued + ${count(report.suppressed)} opted out + ${count(report.duplicates)} duplicates + ${count(rejected)} rejected`,
  );
  print('\nPer message (report_message_delivery)');
  const shown = messages.slice(0, MOST_TEXTS);
  print(
    table(
      ['way', 'text', 'messages', 'phones', 'sent', 'delivered', 'errored'],
      shown.map((one) => [
        one.direction === 'I' ? 'in' : 'out',
        oneLine(one.text, 48),
        one.messages,
        one.recipients,
        one.direction === 'O' ? one.sent : null,
        one.direction === 'O' ? one.delivered : null,
        one.errored,
      ]),
    ),
  );
  if (messages.length > shown.length) print(`and ${messages.length - shown.length} more texts`);
  print(
    `\nPer backend (report_backend_hourly${isFirst ? '' : ', with the demos before this one in the same hour'})`,
  );
  print(
    table(
      ['backend', 'outbound', 'sent', 'delivered', 'errored', 'inbound'],
      backends.map((one) => [one.backend, one.outbound, one.sent, one.delivered, one.errored, one.inbound]),
    ),
  );
  print(`\nBy error code (report_errors${isFirst ? '' : ', with all the demos before this one'})`);
  print(
    table(
      ['backend', 'error code', 'phones', 'to be retried', 'in their words'],
      errors.map((one) => [
        one.backend,
        one.errorCode,
        one.transmissions,
        one.toBeRetried,
        oneLine(one.sample ?? '', 56),
      ]),
    ),
  );
}

/**
 * Says what to try next.
 *
 * @param isEmbedded the database is the one that runs for as long as somebody uses it
 * @param serverUrl when the demo stays up
 */
export function showNextSteps(
  databaseUrl: string,
  isEmbedded: boolean,
  config: string,
  serverUrl: string | undefined,
): void {
  const file = relative(process.cwd(), config) || config;
  const textyard = import.meta.filename.endsWith('.ts') ? 'npm run textyard --' : 'npx textyard';
  print('\nTry next');
  if (serverUrl !== undefined) {
    print(
      `  ${textyard} receive --config ${file} --backend north-america --from '+1 202 555 0123' --text ping`,
    );
    print(`  curl ${serverUrl}/health`);
  }
  print(`  ${textyard} messages --config ${file} --direction in`);
  print(`  ${textyard} dead-letters --config ${file}`);
  const sql = 'SELECT identity, status, error_code, text FROM report_connection_history LIMIT 20';
  if (!isEmbedded) print(`  psql "$DATABASE_URL" -c '${sql}'`);
  else if (serverUrl !== undefined) print(`  ${embeddedPsql(databaseUrl, config)} -c '${sql}'`);
  if (serverUrl !== undefined) print('\nThe demo stays up; Ctrl-C ends it.');
}

/** The password is named by its file: what is printed ends up in tickets. */
function embeddedPsql(databaseUrl: string, config: string): string {
  const { hostname, port, username, pathname } = new URL(databaseUrl);
  const file = relative(process.cwd(), join(dirname(config), '.textyard', 'password'));
  return `PGPASSWORD="$(cat ${file})" psql -h ${hostname} -p ${port} -U ${username} ${pathname.slice(1)}`;
}
