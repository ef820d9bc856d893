import type { SendErrorCode } from '../errors.ts';
import type { Status } from '../sms/status.ts';

/** One text to one phone, as a backend is handed it. */
export interface OutboundTransmission {
  /** Our id (UUIDv7); put it into callback URLs so that receipts can be matched at once. */
  readonly id: string;
  readonly messageId: string;
  /** Where to: E.164 on backends whose identities are phone numbers. */
  readonly identity: string;
  readonly text: string;
  /** How many segments the text takes; what providers charge and throttle by. */
  readonly segments: number;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly priority: number;
  /** Past this moment it must not be handed over any more. */
  readonly validUntil: Date | undefined;
  readonly context: OutboundContext;
}

export interface OutboundContext {
  /** The provider's id of the inbound message that this answers, when it answers one. */
  readonly inResponseTo: string | undefined;
  /** What the sender gave along: media URLs, a campaign's name, … */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Up to `batchSize` transmissions of one backend (not always of one message). */
export interface Batch {
  /** The claim under which they were taken; also a good idempotency key for a provider. */
  readonly id: string;
  readonly transmissions: readonly OutboundTransmission[];
}

/** What became of one transmission. */
export type SendResult =
  | {
      readonly transmissionId: string;
      readonly outcome: 'sent';
      /** The provider's id of the message; needed when its receipts do not carry ours. */
      readonly externalId?: string;
      /** The provider's ids of the further parts of a long message, when it gives one each. */
      readonly partIds?: readonly string[];
    }
  | {
      readonly transmissionId: string;
      readonly outcome: 'failed';
      readonly code: SendErrorCode;
      /** The provider's own words or code. */
      readonly message: string;
      /** Milliseconds to wait, when the provider said so. */
      readonly retryAfterMs?: number;
    };

/** A text that came in from a phone. */
export interface InboundText {
  readonly identity: string;
  readonly text: string;
  /** The provider's id; the same one twice is one message. */
  readonly externalId?: string;
  readonly receivedAt?: Date;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** A delivery report. Give `transmissionId` when the provider carried it, else `externalId`. */
export interface InboundReceipt {
  readonly transmissionId?: string;
  readonly externalId?: string;
  /** The provider's own word: `delivered`, `DELIVRD`, … */
  readonly providerStatus: string;
  /** The letter it means, or undefined when we do not know the word (kept and counted). */
  readonly status: Extract<Status, 'S' | 'D' | 'E'> | undefined;
  readonly errorCode?: SendErrorCode;
  readonly errorMessage?: string;
  readonly occurredAt?: Date;
  readonly raw?: Readonly<Record<string, unknown>>;
}

/** The little of a logger that a backend needs (pino has it). */
export interface BackendLog {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

/** What a backend is handed when it starts; it knows neither the router nor the store. */
export interface BackendHooks {
  /** Resolves after the commit; only then may the provider be told that we have it. */
  receive(inbound: InboundText): Promise<void>;
  /** Resolves after the commit. */
  receipt(receipts: readonly InboundReceipt[]): Promise<void>;
  /** Say false while the line is down (nothing is fetched from the queue then), true when it is up. */
  ready(isReady: boolean, reason?: string): void;
  readonly log: BackendLog;
}

/**
 * A way out to phones. Implement `send`; the rest is optional.
 *
 * The worker guarantees: no database transaction is open during `send`; at most the configured
 * number of calls at a time; only identities that passed validation and suppression.
 */
export interface Backend {
  /**
   * What this backend's receipts carry: our transmission id, or only the provider's id (the default;
   * then each provider id is kept in `correlations` so that its receipt finds its transmission).
   */
  readonly receiptsBy?: 'transmission' | 'external';

  /** Opens lines, starts listening. Called once, before the first `send`. */
  start?(hooks: BackendHooks): Promise<void>;

  /**
   * Hands a batch over. Call `report` for each transmission as soon as its fate is known: what is
   * reported survives a crash, what is not becomes unknown. Transmissions not reported when the
   * promise resolves are unknown; when it rejects with a `SendError`, they get its code.
   *
   * @param signal aborted when the call takes longer than the backend's `timeoutMs`, or the worker must stop now
   */
  send(batch: Batch, report: (result: SendResult) => void, signal: AbortSignal): Promise<void>;

  /** Closes lines. Called after the last `send` has settled. */
  stop?(): Promise<void>;
}
