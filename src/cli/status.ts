import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { TextyardError } from '../errors.ts';
import { DEAD_LETTER_QUEUE, INBOUND_QUEUE } from '../jobs/queue.ts';
import { STATUS_NAMES } from '../sms/status.ts';
import {
  type BackendOverview,
  backendOverview,
  countMessages,
  countTransmissions,
  listMessages,
  yardOverview,
} from '../store/overview.ts';
import type { Sql } from '../store/sql.ts';
import {
  type CommonOptions,
  messageId,
  positiveNumber,
  sinceTime,
  withCommonOptions,
  withExamples,
} from './options.ts';
import { count, duration, oneLine, plural, print, printJson, table, time } from './terminal.ts';
import { withYard } from './yard.ts';

interface StatusOptions extends CommonOptions {
  since?: Date;
  watch?: number | true;
}

/** A worker that was not seen for this long is not counted, in seconds; they show up every 5. */
export const WORKER_SEEN_SECONDS = 15;

const DAY_MS = 86_400_000;

/** `textyard status` */
export function define(command: Command): void {
  withExamples(
    withCommonOptions(
      command
        .argument('[messageId]', 'show this message only', messageId)
        .option(
          '--since <time>',
          'count messages stored since then: an ISO time, or 90m, 7d (default: 24h)',
          sinceTime,
        )
        .option('--watch [seconds]', 'show it again every so often (default: 2)', positiveNumber),
    ),
    'textyard status',
    'textyard status --watch',
    'textyard status --since 7d --json',
    'textyard status 01938f6e-5c1a-7f00-b9a4-1f2e3d4c5b6a',
  ).action((id: string | undefined, options: StatusOptions) => status(id, options));
}

async function status(id: string | undefined, options: StatusOptions): Promise<void> {
  await withYard(options, async (yard) => {
    const show =
      id === undefined ? showOverview : (sql: Sql, one: StatusOptions) => showMessage(sql, id, one);
    if (options.watch === undefined) return show(yard.database, options);
    const seconds = options.watch === true ? 2 : options.watch;
    for (;;) {
      if (process.stdout.isTTY && !options.json) process.stdout.write('\x1b[H\x1b[2J');
      await show(yard.database, options);
      await sleep(seconds * 1000);
    }
  });
}

async function showOverview(sql: Sql, options: StatusOptions): Promise<void> {
  const since = options.since ?? new Date(Date.now() - DAY_MS);
  const [messages, backends, yard] = await Promise.all([
    countMessages(sql, since),
    backendOverview(sql, WORKER_SEEN_SECONDS),
    yardOverview(sql, {
      workerSeenSeconds: WORKER_SEEN_SECONDS,
      inboundQueue: INBOUND_QUEUE,
      deadLetterQueue: DEAD_LETTER_QUEUE,
    }),
  ]);
  if (options.json) {
    printJson({ since, messages, backends, ...yard }, options.watch ? 0 : 2);
    return;
  }
  print(`Messages since ${time(since)}`);
  const rows = messages.map((one) => [
    one.direction === 'I' ? 'in' : 'out',
    `${one.status} ${STATUS_NAMES[one.status]}`,
    one.messages,
    one.recipients,
  ]);
  print(rows.length > 0 ? table(['direction', 'status', 'messages', 'phones'], rows) : '(none)');
  print();
  print(backendTable(backends));
  print();
  print(`workers alive      ${count(yard.workers)}`);
  const oldest = yard.inboundOldest ? `, the oldest for ${ago(yard.inboundOldest)}` : '';
  print(`inbound waiting    ${count(yard.inboundWaiting)}${oldest}`);
  print(`receipts parked    ${count(yard.parkedReceipts)}`);
  const dead = yard.deadTransmissions + yard.deadJobs;
  print(`dead letters       ${count(dead)}${dead > 0 ? ' (see textyard dead-letters list)' : ''}`);
}

/** The table of backends that `status` and `backends` show. */
export function backendTable(
  backends: readonly BackendOverview[],
  types?: ReadonlyMap<string, string>,
): string {
  const head = ['backend', 'state', 'workers', 'waiting', 'under way', 'later', 'oldest', 'why'];
  const right = [2, 3, 4, 5, 6];
  const rows = backends.map((one) => [
    one.name,
    one.state,
    one.workers,
    one.waiting,
    one.underWay,
    one.later,
    one.oldest ? ago(one.oldest) : '',
    whyPaused(one),
  ]);
  if (!types) return table(head, rows, { right });
  return table(
    [head[0] ?? '', 'type', ...head.slice(1)],
    rows.map(([name, ...rest]) => [name, types.get(String(name)) ?? '(not configured)', ...rest]),
    { right: right.map((index) => index + 1) },
  );
}

function whyPaused({ state, pausedReason, pausedUntil }: BackendOverview): string {
  if (state === 'running') return '';
  const until = pausedUntil ? `until ${time(pausedUntil)}` : 'until resumed';
  return `${until}: ${oneLine(pausedReason ?? 'no reason given', 60)}`;
}

function ago(date: Date): string {
  return duration(Math.max(0, (Date.now() - date.getTime()) / 1000));
}

async function showMessage(sql: Sql, id: string, options: StatusOptions): Promise<void> {
  const [message] = await listMessages(sql, { id, limit: 1 });
  if (!message) {
    throw new TextyardError('not_found', `messageId: there is no message ${id}`, { field: 'messageId' });
  }
  const transmissions = await countTransmissions(sql, id);
  if (options.json) {
    printJson({ ...message, transmissions }, options.watch ? 0 : 2);
    return;
  }
  const { direction, identity, backend } = message;
  const who = message.recipients === 1 ? `${identity} on ${backend}` : plural(message.recipients, 'phone');
  print(`${direction === 'I' ? 'from' : 'to'}       ${who}`);
  print(`status   ${message.status} ${STATUS_NAMES[message.status]}`);
  print(`stored   ${time(message.date)}`);
  if (message.sendAt) print(`send at  ${time(message.sendAt)}`);
  if (message.inResponseToId) print(`answers  ${message.inResponseToId}`);
  print(`text     ${oneLine(message.text, 200)}`);
  if (message.error) print(`error    ${oneLine(message.error, 200)}`);
  print();
  print(
    table(
      ['backend', 'status', 'error code', 'phones', 'to be retried', 'in their words'],
      transmissions.map((one) => [
        one.backend,
        `${one.status} ${STATUS_NAMES[one.status]}`,
        one.errorCode,
        one.transmissions,
        one.toBeRetried,
        oneLine(one.sample ?? '', 60),
      ]),
    ),
  );
}
