import type { InboundReceipt } from '../backends/backend.ts';
import { TextyardError } from '../errors.ts';
import { segmentsOf } from '../sms/segments.ts';
import type { NewReceipt } from '../store/receipts.ts';
import type { OutgoingMessage } from './message.ts';
import { MOST_PROBLEMS, type WrittenDraft } from './outbox.ts';
import type { RecipientProblem } from './recipients.ts';
import { type SendOptions, type SendReport, textWarnings } from './send.ts';

/** Gathers what is wrong with recipients; keeps the first, counts all. */
export class Problems {
  readonly #options: SendOptions;
  readonly list: RecipientProblem[] = [];
  count = 0;

  constructor(options: SendOptions) {
    this.#options = options;
  }

  readonly add = (problem: RecipientProblem): void => {
    this.count += 1;
    if (this.list.length < MOST_PROBLEMS) this.list.push(problem);
    this.#options.onProblem?.(problem);
  };

  /** @throws TextyardError in strict mode, once there is a problem */
  checkStrict(): void {
    const [first] = this.list;
    if (!this.#options.strict || !first) return;
    const more = this.count > 1 ? ` (and ${this.count - 1} more)` : '';
    throw new TextyardError(
      'invalid',
      `recipients: line ${first.line}: ${first.identity}: ${first.problem}${more}; strict, so nothing was sent`,
      { field: 'recipients' },
    );
  }
}

/** The error for a send that has nobody left to go to. */
export function nobody(problems: Problems): TextyardError {
  const [first] = problems.list;
  const detail = first
    ? `all ${problems.count} are bad, the first at line ${first.line}: ${first.identity}: ${first.problem}`
    : 'there are none; give at least one';
  return new TextyardError('invalid', `recipients: ${detail}`, { field: 'recipients' });
}

/** @throws TextyardError `conflict` when the idempotency key belongs to another text */
export function finishReport(
  outgoing: OutgoingMessage,
  problems: Problems,
  written: WrittenDraft,
  accepted: number,
  suppressedCount: number,
): SendReport {
  if (written.replayed && written.replayedText !== outgoing.text) {
    throw new TextyardError(
      'conflict',
      `idempotencyKey: was used for another text (message ${written.id}); use a new key for a new message`,
      { field: 'idempotencyKey' },
    );
  }
  const { segments } = segmentsOf(outgoing.text);
  const suppressed = written.suppressed.map(
    (identity): RecipientProblem => ({
      line: 0,
      identity,
      code: 'suppressed',
      problem: 'is on the suppression list',
    }),
  );
  return {
    id: written.id,
    queued: written.transmissions - suppressedCount,
    suppressed: suppressedCount,
    rejected: problems.count,
    duplicates: written.replayed ? 0 : accepted - written.transmissions,
    problems: [...problems.list, ...suppressed].slice(0, MOST_PROBLEMS),
    segments,
    warnings: textWarnings(segments),
    replayed: written.replayed,
    cancelled: false,
  };
}

export function cancelledReport(text: string): SendReport {
  return {
    id: '',
    queued: 0,
    suppressed: 0,
    rejected: 0,
    duplicates: 0,
    problems: [],
    segments: segmentsOf(text).segments,
    warnings: [],
    replayed: false,
    cancelled: true,
  };
}

/** A receipt as it is stored. @throws TextyardError when it names no message */
export function newReceipt(backendId: number, receipt: InboundReceipt): NewReceipt {
  const { transmissionId, externalId } = receipt;
  const key = externalId ?? transmissionId;
  if (!key) {
    throw new TextyardError('invalid', 'receipt: needs a transmissionId or an externalId', {
      field: 'externalId',
    });
  }
  if (transmissionId !== undefined && !UUID.test(transmissionId)) {
    throw new TextyardError('invalid', `transmissionId: "${transmissionId}" is not a UUID`, {
      field: 'transmissionId',
    });
  }
  return {
    backendId,
    externalId: key,
    transmissionId,
    providerStatus: receipt.providerStatus,
    status: receipt.status,
    errorCode: receipt.errorCode ?? (receipt.status === 'E' ? 'undelivered' : undefined),
    errorMessage: receipt.errorMessage,
    occurredAt: receipt.occurredAt,
    raw: receipt.raw,
  };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
