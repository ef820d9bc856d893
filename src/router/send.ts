import { TextyardError } from '../errors.ts';
import { MAX_SEGMENTS_WITHOUT_WARNING, segmentsOf } from '../sms/segments.ts';
import type { NewOutboundMessage } from '../store/outbound.ts';
import type { PgQueryable, PrismaRaw } from '../store/sql.ts';
import type { IncomingMessage } from './message.ts';
import type { AcceptedRecipient } from './outbox.ts';
import {
  checkText,
  findBackend,
  normalizeIdentity,
  type Recipient,
  type RecipientProblem,
  type RouterBackend,
} from './recipients.ts';

/** Priority of replies; everything else has 0 unless it says otherwise. */
export const REPLY_PRIORITY = 10;

export interface SendOptions {
  /** Not before then. */
  sendAt?: Date;
  /** Not later than this many seconds after it could first be sent; past it, it ends as `expired`. */
  validForSeconds?: number;
  /** Higher goes first; from -100 to 100, 0 by default (replies have 10). */
  priority?: number;
  /** The same key twice sends once: the second call gets the first one's report. */
  idempotencyKey?: string;
  /** The inbound message it answers. */
  inResponseTo?: IncomingMessage | string;
  /** Handed to the apps and to the backend's context; stored with the message. */
  fields?: Record<string, unknown>;
  /** With one bad recipient, send to nobody. */
  strict?: boolean;
  /** Called for every bad recipient; the report names only the first 1,000. */
  onProblem?: (problem: RecipientProblem) => void;
  /** Called now and then while a stream of recipients is written, with how many are. */
  onProgress?: (written: number) => void;
  /** Your own transaction (Prisma's `tx`, or a pg client after BEGIN): sent if and only if it commits. */
  tx?: PrismaRaw | PgQueryable;
}

export interface SendReport {
  /** Id of the message; its row is in `messages`. */
  readonly id: string;
  /** Transmissions queued. */
  readonly queued: number;
  /** Recipients on the suppression list: stored as errored, with the code `suppressed`. */
  readonly suppressed: number;
  /** Recipients that were no valid identity: not stored. */
  readonly rejected: number;
  /** Recipients that came more than once. */
  readonly duplicates: number;
  /** What was wrong, recipient by recipient; the first 1,000. */
  readonly problems: readonly RecipientProblem[];
  /** Segments that the text takes, before personalisation. */
  readonly segments: number;
  readonly warnings: readonly string[];
  /** The idempotency key had been used: this is the first call's message, nothing was sent now. */
  readonly replayed: boolean;
  /** An app cancelled it: nothing was stored, `id` is not in the database. */
  readonly cancelled: boolean;
}

/** @throws TextyardError naming the option */
export function checkSendOptions(options: SendOptions): void {
  const wrong = (field: string, problem: string) =>
    new TextyardError('invalid', `${field}: ${problem}`, { field });
  const { sendAt, validForSeconds, priority, idempotencyKey } = options;
  if (sendAt !== undefined && !(sendAt instanceof Date && Number.isFinite(sendAt.getTime()))) {
    throw wrong('sendAt', 'is not a valid Date');
  }
  if (validForSeconds !== undefined && !(Number.isFinite(validForSeconds) && validForSeconds > 0)) {
    throw wrong('validForSeconds', `expected a number of seconds above 0, got ${validForSeconds}`);
  }
  if (priority !== undefined && !(Number.isInteger(priority) && Math.abs(priority) <= 100)) {
    throw wrong('priority', `expected a whole number from -100 to 100, got ${priority}`);
  }
  if (idempotencyKey !== undefined && (idempotencyKey.length === 0 || idempotencyKey.length > 255)) {
    throw wrong('idempotencyKey', 'expected 1 to 255 characters');
  }
}

/** The row of an outbound message. @throws TextyardError when the text or an option cannot be right */
export function newMessage(
  id: string,
  text: string,
  recipients: number,
  options: SendOptions,
): NewOutboundMessage {
  const { sendAt, validForSeconds, inResponseTo } = options;
  return {
    id,
    text,
    recipients,
    priority: options.priority ?? (inResponseTo ? REPLY_PRIORITY : 0),
    inResponseToId: typeof inResponseTo === 'string' ? inResponseTo : inResponseTo?.id,
    idempotencyKey: options.idempotencyKey,
    sendAt,
    validForSeconds,
    fields: options.fields && Object.keys(options.fields).length > 0 ? options.fields : undefined,
  };
}

export function textWarnings(segments: number): string[] {
  if (segments <= MAX_SEGMENTS_WITHOUT_WARNING) return [];
  return [
    `text: takes ${segments} segments; phones and providers are only sure to take ${MAX_SEGMENTS_WITHOUT_WARNING}, and each is charged`,
  ];
}

/** Checks recipients one after another and sorts them by backend. */
export class RecipientSorter {
  readonly #backends: ReadonlyMap<string, RouterBackend>;
  readonly #segments: number;
  readonly #report: (problem: RecipientProblem) => void;
  #seen = 0;

  constructor(
    backends: ReadonlyMap<string, RouterBackend>,
    segments: number,
    report: (problem: RecipientProblem) => void,
  ) {
    this.#backends = backends;
    this.#segments = segments;
    this.#report = report;
  }

  /** How many recipients have been looked at. */
  get seen(): number {
    return this.#seen;
  }

  /** @returns undefined for a bad recipient, which has been reported then. @throws TextyardError for an unknown backend */
  accept(recipient: Recipient): { backend: RouterBackend; recipient: AcceptedRecipient } | undefined {
    this.#seen += 1;
    const line = recipient?.line ?? this.#seen;
    const backend = findBackend(this.#backends, recipient?.backend);
    const result = normalizeIdentity(recipient.identity, backend.policy);
    if ('problem' in result) {
      this.#reject(line, recipient.identity, result.problem);
      return undefined;
    }
    const { text } = recipient;
    if (text === undefined) {
      return { backend, recipient: { identity: result.identity, text: null, segments: this.#segments } };
    }
    try {
      checkText(text);
    } catch (error) {
      this.#reject(line, recipient.identity, (error as Error).message);
      return undefined;
    }
    return { backend, recipient: { identity: result.identity, text, segments: segmentsOf(text).segments } };
  }

  #reject(line: number, identity: unknown, problem: string): void {
    this.#report({ line, identity: String(identity ?? ''), code: 'invalid_recipient', problem });
  }
}

/** The replies of an inbound message are outbound messages with these options. */
export function replyOptions(
  message: IncomingMessage,
  reply: IncomingMessage['replies'][number],
): SendOptions {
  const { priority, validForSeconds, fields } = reply.options;
  return {
    inResponseTo: message,
    priority: priority ?? REPLY_PRIORITY,
    ...(validForSeconds === undefined ? {} : { validForSeconds }),
    ...(fields === undefined ? {} : { fields }),
  };
}
