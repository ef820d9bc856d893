import { TextyardError } from '../errors.ts';
import type { RouterBackend } from '../router/recipients.ts';
import { checkText } from '../router/recipients.ts';
import { checkSendOptions, RecipientSorter, textWarnings } from '../router/send.ts';
import { segmentsOf } from '../sms/segments.ts';
import type { BadLines } from './bad-lines.ts';
import { backendOf, Mailing, type SendCommandOptions } from './mailing.ts';
import { count, plural, print, printJson } from './terminal.ts';

/** Numbers remembered to find duplicates; more would fill the memory. */
const MOST_REMEMBERED = 5_000_000;

/**
 * Reads and checks everything as `send` would and counts, without touching the database; so what
 * only that knows, the suppression list and idempotency keys, plays no part.
 */
export async function dryRun(options: SendCommandOptions, bad: BadLines): Promise<void> {
  const { loadSettings } = await import('../config/load.ts');
  const settings = await loadSettings({ configPath: options.config });
  checkText(options.text);
  checkSendOptions({
    ...(options.priority === undefined ? {} : { priority: options.priority }),
    ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
  });
  const mailing = new Mailing(options, backendOf(options, settings), bad);
  const backends = new Map<string, RouterBackend>();
  for (const { name, policy } of settings.backends.values()) backends.set(name, { id: 0, name, policy });
  const sorter = new RecipientSorter(backends, segmentsOf(mailing.text).segments, (problem) =>
    bad.add(problem.line, problem.identity, problem.problem),
  );
  const seen = new Set<string>();
  const segments = { least: Number.POSITIVE_INFINITY, most: 0, total: 0 };
  let recipients = 0;
  let duplicates = 0;
  for await (const one of mailing.recipients()) {
    const sorted = sorter.accept(one);
    if (!sorted) continue;
    const { identity, segments: needed } = sorted.recipient;
    if (seen.has(identity)) {
      duplicates += 1;
      continue;
    }
    if (seen.size < MOST_REMEMBERED) seen.add(identity);
    recipients += 1;
    segments.least = Math.min(segments.least, needed);
    segments.most = Math.max(segments.most, needed);
    segments.total += needed;
  }
  bad.tell();
  if (recipients === 0) {
    throw new TextyardError(
      'invalid',
      bad.count > 0 ? 'recipients: all are bad; see above' : 'recipients: there are none; give at least one',
      { field: 'recipients' },
    );
  }
  const warnings = textWarnings(segments.most);
  const result = { dryRun: true, recipients, rejected: bad.count, duplicates, segments, warnings };
  if (options.json) {
    printJson({ ...result, problems: bad.first });
    return;
  }
  for (const warning of warnings) process.stderr.write(`textyard: warning: ${warning}\n`);
  const { least, most, total } = segments;
  print(`Would queue ${plural(recipients, 'recipient')}; nothing was sent.`);
  print(`  rejected    ${count(bad.count)}`);
  print(`  duplicates  ${count(duplicates)}${recipients > MOST_REMEMBERED ? ' or more' : ''}`);
  print(`  segments    ${least === most ? most : `${least} to ${most}`} each, ${count(total)} in all`);
}
