import { errorClassOf, SendError, type SendErrorCode } from '../errors.ts';
import type {
  Backend,
  BackendHooks,
  Batch,
  OutboundContext,
  OutboundTransmission,
  SendResult,
} from './backend.ts';

/** What a per-message sender is told beside the text. */
export interface PerMessageContext extends OutboundContext {
  /** How many segments the text takes. */
  readonly segments: number;
  /** Our id of the transmission to each identity. */
  readonly transmissionIds: ReadonlyMap<string, string>;
  /** Aborted when the call has taken too long; what it then has not answered is unknown. */
  readonly signal: AbortSignal;
}

/** A backend in the shape of RapidSMS's: one text to several identities. */
export interface PerMessageSender {
  start?(hooks: BackendHooks): Promise<void>;
  /**
   * Sends one text to each identity.
   *
   * @param id our id of the message
   * @returns nothing, or the provider's ids by identity
   * @throws SendError when some (`failedIdentities`; the others count as sent) or all failed; after
   *   any other exception it is not known what was sent
   */
  send(
    id: string,
    text: string,
    identities: readonly string[],
    context: PerMessageContext,
    // biome-ignore lint/suspicious/noConfusingVoidType: most senders return nothing at all.
  ): Promise<ReadonlyMap<string, string> | void>;
  stop?(): Promise<void>;
}

type Report = (result: SendResult) => void;
type Group = readonly OutboundTransmission[];

/**
 * Makes a backend of a sender that takes one text at a time. A batch is grouped by message and
 * text; the groups are sent one after another. When one shows that nothing more will be taken
 * (throttled, paused), the rest is not tried and gets its error.
 */
export function perMessageBackend(sender: PerMessageSender): Backend {
  const stopped = new AbortController();
  return {
    start: async (hooks) => sender.start?.(hooks),
    async send(batch: Batch, report: Report, signal: AbortSignal) {
      signal.throwIfAborted();
      if (stopped.signal.aborted) throw new SendError('network_unreachable', 'The backend is stopped.');
      const ended = AbortSignal.any([signal, stopped.signal]);
      for (const claimed of grouped(batch.transmissions)) {
        const group = dropExpired(claimed, report);
        if (group.length === 0) continue;
        if (ended.aborted) {
          fail(
            group,
            'network_unreachable',
            'Not handed over: the call was aborted before its turn.',
            report,
          );
          continue;
        }
        const refusal = await sendGroup(sender, group, report, ended);
        // What was reported stays; the error stands for those not yet tried.
        if (refusal !== undefined) throw refusal;
      }
    },
    async stop() {
      stopped.abort(new Error('The backend is stopped.'));
      await sender.stop?.();
    },
  };
}

/** Reports the whole group; returns an error that the next group would meet as well. */
async function sendGroup(
  sender: PerMessageSender,
  group: Group,
  report: Report,
  signal: AbortSignal,
): Promise<SendError | undefined> {
  const { messageId, text, segments, context } = group[0] as OutboundTransmission;
  const identities = group.map((each) => each.identity);
  const transmissionIds = new Map(group.map((each) => [each.identity, each.id]));
  try {
    const sending = sender.send(messageId, text, identities, {
      ...context,
      segments,
      transmissionIds,
      signal,
    });
    const externalIds = await untilAborted(sending, signal);
    for (const { id, identity } of group) {
      const externalId = externalIds?.get(identity);
      const sent = { transmissionId: id, outcome: 'sent' } as const;
      report(externalId === undefined ? sent : { ...sent, externalId });
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof SendError)) {
      fail(group, 'unknown_outcome', error instanceof Error ? error.message : String(error), report);
      return undefined;
    }
    const { code, message, retryAfterMs } = error;
    const failed = error.failedIdentities === undefined ? undefined : new Set(error.failedIdentities);
    const isFailed = ({ identity }: OutboundTransmission) => failed?.has(identity) ?? true;
    for (const each of group) if (!isFailed(each)) report({ transmissionId: each.id, outcome: 'sent' });
    fail(group.filter(isFailed), code, message, report, retryAfterMs);
    const stops = ['throttle', 'pause'].includes(errorClassOf(code));
    // Without the identities: they belong to this group and not to those that follow.
    return stops
      ? new SendError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs })
      : undefined;
  }
}

function grouped(transmissions: Group): Group[] {
  const groups = new Map<string, OutboundTransmission[]>();
  for (const each of transmissions) {
    const key = `${each.messageId} ${each.text}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return [...groups.values()];
}

function dropExpired(group: Group, report: Report): Group {
  const now = Date.now();
  const isExpired = ({ validUntil }: OutboundTransmission) => (validUntil?.getTime() ?? Infinity) <= now;
  fail(group.filter(isExpired), 'expired', 'Its validity period ended before it was handed over.', report);
  return group.filter((each) => !isExpired(each));
}

function fail(
  group: Group,
  code: SendErrorCode,
  message: string,
  report: Report,
  retryAfterMs?: number,
): void {
  for (const { id } of group) {
    const failed = { transmissionId: id, outcome: 'failed', code, message } as const;
    report(retryAfterMs === undefined ? failed : { ...failed, retryAfterMs });
  }
}

/** The sender may not look at the signal; its late answer is then nobody's any more. */
async function untilAborted<T>(sending: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new Error('No answer before the call was aborted.'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([sending, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
