import { type Command, InvalidArgumentError } from 'commander';
import { normalizeNumber } from '../sms/numbers.ts';
import { STATUS_NAMES, type Status } from '../sms/status.ts';
import { listMessages, type MessageRow } from '../store/overview.ts';
import { findBackendRow } from './backends.ts';
import {
  type CommonOptions,
  messageId,
  positiveInteger,
  sinceTime,
  withCommonOptions,
  withExamples,
} from './options.ts';
import { oneLine, print, printJson, table, time } from './terminal.ts';
import { withYard } from './yard.ts';

interface MessagesOptions extends CommonOptions {
  backend?: string;
  direction?: 'I' | 'O';
  status?: Status;
  to?: string;
  since?: Date;
  after?: string;
  limit: number;
}

/** `textyard messages` */
export function define(command: Command): void {
  withExamples(
    withCommonOptions(
      command
        .option('--backend <name>', 'with a phone on this backend')
        .option('--direction <in|out>', 'inbound or outbound only', direction)
        .option(
          '--status <letter>',
          'Q queued, P processing, S sent, D delivered, E errored, R received',
          letter,
        )
        .option('--to <number>', 'to, or from, this phone')
        .option('--since <time>', 'stored since then: an ISO time, or 90m, 24h, 7d', sinceTime)
        .option('--after <id>', 'go on after this message of the last page', messageId)
        .option('--limit <number>', 'how many', positiveInteger, 20),
    ),
    'textyard messages',
    'textyard messages --direction out --status E --since 24h',
    "textyard messages --to '+1 202 555 0123' --json",
    'textyard messages --limit 100 --after 01938f6e-5c1a-7f00-b9a4-1f2e3d4c5b6a',
  ).action((options: MessagesOptions) => messages(options));
}

async function messages(options: MessagesOptions): Promise<void> {
  const { backend, limit } = options;
  const rows = await withYard(options, async (yard) => {
    if (backend !== undefined) await findBackendRow(yard.database, backend);
    return listMessages(yard.database, {
      backend,
      direction: options.direction,
      status: options.status,
      identity: options.to === undefined ? undefined : asStored(options.to),
      since: options.since,
      after: options.after,
      limit,
    });
  });
  const next = rows.length === limit ? rows.at(-1)?.id : undefined;
  if (options.json) {
    printJson({ messages: rows, next: next ?? null });
    return;
  }
  if (rows.length === 0) {
    print('No messages.');
    return;
  }
  print(
    table(
      ['id', 'stored', 'way', 'status', 'backend', 'phone', 'text'],
      rows.map((row) => [
        row.id,
        time(row.date),
        row.direction === 'I' ? 'in' : 'out',
        `${row.status} ${STATUS_NAMES[row.status]}`,
        row.backend,
        phones(row),
        oneLine(row.text, 40),
      ]),
    ),
  );
  if (next !== undefined) print(`\nMore: --after ${next}`);
}

function phones({ recipients, identity, delivered, errored }: MessageRow): string {
  if (recipients === 1) return identity ?? '';
  return `${recipients} phones, D ${delivered}, E ${errored}`;
}

/** As identities are stored, where it is a phone number in any form. */
function asStored(identity: string): string {
  const number = normalizeNumber(identity);
  return number.ok ? number.e164 : identity;
}

function direction(value: string): 'I' | 'O' {
  const first = value.trim().toLowerCase();
  if (['i', 'in', 'inbound'].includes(first)) return 'I';
  if (['o', 'out', 'outbound'].includes(first)) return 'O';
  throw new InvalidArgumentError('Give in or out.');
}

function letter(value: string): Status {
  const wanted = value.trim().toLowerCase();
  for (const [status, name] of Object.entries(STATUS_NAMES)) {
    if (wanted === status.toLowerCase() || wanted === name) return status as Status;
  }
  throw new InvalidArgumentError('Give one of the letters Q P S D E R.');
}
