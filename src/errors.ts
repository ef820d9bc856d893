/**
 * Two kinds of errors live here: what a send can end in (a closed catalogue, so that the
 * worker alone decides what follows from each), and what a user's mistake is told with.
 */

/**
 * What follows from a send error:
 * - `retry`: certainly not accepted by the provider; tried again with backoff, up to the limit.
 * - `throttle`: not accepted, and neither would the next be; the backend pauses for a while.
 * - `pause`: nothing will be accepted until somebody acts; the backend is paused, work stays queued.
 * - `permanent`: trying again cannot help this recipient or text.
 * - `unknown`: may have been accepted; the backend's `onUnknown` setting decides.
 */
export type ErrorClass = 'retry' | 'throttle' | 'pause' | 'permanent' | 'unknown';

export interface SendErrorEntry {
  readonly class: ErrorClass;
  readonly meaning: string;
}

/** Every code that `transmissions.error_code` may carry, what it means and what follows from it. */
export const SEND_ERRORS = {
  network_unreachable: {
    class: 'retry',
    meaning: 'The provider could not be reached; nothing was handed over.',
  },
  provider_unavailable: {
    class: 'retry',
    meaning: 'The provider answered that it is temporarily out of service.',
  },
  provider_error: { class: 'retry', meaning: 'The provider refused for a passing reason of its own.' },
  queue_full: { class: 'retry', meaning: "The provider's queue for this sender is full." },
  throttled: { class: 'throttle', meaning: 'The provider asked us to slow down.' },
  auth_failed: { class: 'pause', meaning: 'The provider does not accept our credentials.' },
  account_suspended: { class: 'pause', meaning: 'The account at the provider is suspended or out of funds.' },
  misconfigured: {
    class: 'pause',
    meaning: 'The provider does not accept the sender or a setting of the backend.',
  },
  invalid_number: { class: 'permanent', meaning: 'The number is not a valid phone number.' },
  landline: { class: 'permanent', meaning: 'The number cannot receive text messages.' },
  unreachable_handset: { class: 'permanent', meaning: 'The handset or its network could not be reached.' },
  unroutable: { class: 'permanent', meaning: 'The provider has no route to this number.' },
  opted_out: { class: 'permanent', meaning: 'The recipient opted out at the provider.' },
  suppressed: { class: 'permanent', meaning: 'The recipient is on our suppression list.' },
  content_rejected: { class: 'permanent', meaning: 'The provider or an operator filtered the text.' },
  message_too_long: { class: 'permanent', meaning: 'The text is longer than the provider takes.' },
  rejected: { class: 'permanent', meaning: 'The provider refused the message for good.' },
  undelivered: { class: 'permanent', meaning: 'The provider reported that the message was not delivered.' },
  expired: { class: 'permanent', meaning: 'Its validity period ended before it could be sent or delivered.' },
  cancelled: { class: 'permanent', meaning: 'It was cancelled before it was sent.' },
  unknown_outcome: {
    class: 'unknown',
    meaning: 'Handed over, but whether the provider took it is not known.',
  },
} as const satisfies Record<string, SendErrorEntry>;

export type SendErrorCode = keyof typeof SEND_ERRORS;

export function isSendErrorCode(code: string): code is SendErrorCode {
  return Object.hasOwn(SEND_ERRORS, code);
}

export function errorClassOf(code: SendErrorCode): ErrorClass {
  return SEND_ERRORS[code].class;
}

/**
 * Thrown by a backend when a whole call failed: it then stands for every transmission of the
 * batch that has not been reported one by one. Any other exception counts as `unknown_outcome`.
 */
export class SendError extends Error {
  override readonly name = 'SendError';
  readonly code: SendErrorCode;
  /** Milliseconds the provider asked us to wait, when it said so. */
  readonly retryAfterMs: number | undefined;
  /** When set, only these identities failed; the others of the batch were sent (RapidSMS's rule). */
  readonly failedIdentities: readonly string[] | undefined;

  constructor(
    code: SendErrorCode,
    message: string,
    options: { retryAfterMs?: number; failedIdentities?: readonly string[]; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.failedIdentities = options.failedIdentities;
  }
}

/** What kind of mistake it was; HTTP and the CLI turn it into a status or an exit code. */
export type MistakeKind =
  | 'invalid'
  | 'not_found'
  | 'conflict'
  | 'unavailable'
  | 'schema_mismatch'
  | 'configuration';

/**
 * A mistake that a person can mend: one line that names the field, what was wrong and what would
 * be right. Shown without a stack trace.
 */
export class TextyardError extends Error {
  override readonly name = 'TextyardError';
  readonly kind: MistakeKind;
  /** The argument, column or setting it is about. */
  readonly field: string | undefined;

  constructor(kind: MistakeKind, message: string, options: { field?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.field = options.field;
  }
}
