import { batchSizeOf } from '../backends/policy.ts';
import { type JobQueue, outboundQueue } from '../jobs/queue.ts';
import {
  findByIdempotencyKey,
  type InsertedTransmissions,
  insertOutboundMessages,
  insertTransmissions,
  type NewOutboundMessage,
  recountRecipients,
  suppressedOf,
} from '../store/outbound.ts';
import type { Sql } from '../store/sql.ts';
import { idRun } from '../store/uuid7.ts';
import { batchJobs } from './batch-jobs.ts';
import type { RouterBackend } from './recipients.ts';

/** A recipient that passed validation. */
export interface AcceptedRecipient {
  readonly identity: string;
  readonly text: string | null;
  readonly segments: number;
}

/** An outbound message ready to be written, its recipients sorted by backend. */
export interface OutboundDraft {
  readonly message: NewOutboundMessage;
  readonly lots: ReadonlyMap<RouterBackend, readonly AcceptedRecipient[]>;
  readonly ignoreSuppressions: boolean;
}

/** What became of a draft. */
export interface WrittenDraft {
  /** The id it has, or the id of the message that had its idempotency key. */
  readonly id: string;
  readonly replayed: boolean;
  /** Text of the message that had the key. */
  readonly replayedText?: string;
  readonly transmissions: number;
  readonly suppressed: readonly string[];
}

/** Identities named in a report at the most; the count is always whole. */
export const MOST_PROBLEMS = 1000;

/** Transmissions by one backend, of one message or one each, that share priority and time. */
export interface Lot {
  readonly backend: RouterBackend;
  readonly priority: number;
  readonly sendAt: Date | undefined;
  readonly ignoreSuppressions: boolean;
  readonly messageIds: string | string[];
  readonly recipients: readonly AcceptedRecipient[];
}

/** A lot of several messages while it is gathered. */
interface GatheredLot extends Lot {
  readonly messageIds: string[];
  readonly recipients: AcceptedRecipient[];
}

/** The columns that `insertTransmissions` wants of recipients. */
function recipientColumns(recipients: readonly AcceptedRecipient[]) {
  const personal = recipients.some((recipient) => recipient.text !== null);
  const segments = recipients[0]?.segments ?? 1;
  const uniform = recipients.every((recipient) => recipient.segments === segments);
  return {
    identities: recipients.map((recipient) => recipient.identity),
    texts: personal ? recipients.map((recipient) => recipient.text) : undefined,
    segments: uniform ? segments : recipients.map((recipient) => recipient.segments),
  };
}

/** Writes a lot's transmissions and the jobs that will send them. */
export async function writeLot(sql: Sql, jobs: JobQueue, lot: Lot): Promise<InsertedTransmissions> {
  const { backend, recipients, messageIds, ignoreSuppressions } = lot;
  const run = idRun();
  const result = await insertTransmissions(sql, {
    backendId: backend.id,
    backendName: backend.name,
    ids: run,
    messageIds,
    ...recipientColumns(recipients),
    ignoreSuppressions,
  });
  const cut = batchJobs(run.at, recipients.length, batchSizeOf(backend.policy), lot.priority);
  await jobs.enqueueOutbound(sql, backend.name, cut, lot.sendAt);
  return result;
}

/** Whether it waits for its time, so that nobody need be woken for it now. */
export function isForLater(sendAt: Date | undefined): boolean {
  return sendAt !== undefined && sendAt.getTime() > Date.now();
}

/** Writes outbound messages, their transmissions and the jobs that will send them. */
export class Outbox {
  readonly #jobs: JobQueue;

  constructor(jobs: JobQueue) {
    this.#jobs = jobs;
  }

  /**
   * Writes drafts in the given transaction. Drafts of several messages share batches: what goes by
   * the same backend with the same priority at the same time goes together.
   */
  async write(sql: Sql, drafts: readonly OutboundDraft[]): Promise<WrittenDraft[]> {
    const ids = await insertOutboundMessages(
      sql,
      drafts.map((draft) => draft.message),
    );
    const written = drafts.filter((draft) => ids.has(draft.message.id));
    const uncertain: OutboundDraft[] = [];
    for (const lot of sortIntoLots(written)) {
      const result = await writeLot(sql, this.#jobs, {
        ...lot,
        messageIds: written.length === 1 ? (lot.messageIds[0] ?? '') : lot.messageIds,
      });
      if (result.inserted < lot.recipients.length || result.suppressed > 0) {
        const touched = new Set(lot.messageIds);
        uncertain.push(...written.filter((draft) => touched.has(draft.message.id)));
      }
    }
    return this.#report(sql, drafts, ids, uncertain);
  }

  /** Wakes the workers of the drafts' backends; call it after the commit. */
  wake(drafts: readonly OutboundDraft[]): void {
    for (const name of backendNames(drafts)) this.#jobs.wake(outboundQueue(name));
  }

  /** As `wake`, from inside the caller's transaction. */
  async wakeAtCommit(sql: Sql, drafts: readonly OutboundDraft[]): Promise<void> {
    for (const name of backendNames(drafts)) await this.#jobs.wakeAtCommit(sql, outboundQueue(name));
  }

  async #report(
    sql: Sql,
    drafts: readonly OutboundDraft[],
    ids: ReadonlySet<string>,
    uncertain: readonly OutboundDraft[],
  ): Promise<WrittenDraft[]> {
    const suppressed = new Map<string, string[]>();
    const recipients = new Map<string, number>();
    if (uncertain.length > 0) {
      const messageIds = [...new Set(uncertain.map((draft) => draft.message.id))];
      for (const row of await recountRecipients(sql, messageIds)) recipients.set(row.id, row.recipients);
      for (const row of await suppressedOf(sql, messageIds, MOST_PROBLEMS)) {
        suppressed.set(row.messageId, [...(suppressed.get(row.messageId) ?? []), row.identity]);
      }
    }
    const replayed = new Map<string, { id: string; text: string; recipients: number }>();
    if (ids.size < drafts.length) {
      const keys = drafts.filter((d) => !ids.has(d.message.id)).map((d) => d.message.idempotencyKey ?? '');
      for (const row of await findByIdempotencyKey(sql, keys)) replayed.set(row.key, row);
    }
    return drafts.map(({ message }) => {
      if (ids.has(message.id)) {
        return {
          id: message.id,
          replayed: false,
          transmissions: recipients.get(message.id) ?? message.recipients,
          suppressed: suppressed.get(message.id) ?? [],
        };
      }
      const first = replayed.get(message.idempotencyKey ?? '');
      // Written by an earlier try of this very call, whose commit was made and not answered.
      if (!first || first.id === message.id) {
        return {
          id: message.id,
          replayed: false,
          transmissions: first?.recipients ?? message.recipients,
          suppressed: [],
        };
      }
      return {
        id: first.id,
        replayed: true,
        replayedText: first.text,
        transmissions: first.recipients,
        suppressed: [],
      };
    });
  }
}

function backendNames(drafts: readonly OutboundDraft[]): Set<string> {
  const names = new Set<string>();
  for (const draft of drafts) {
    if (isForLater(draft.message.sendAt)) continue;
    for (const backend of draft.lots.keys()) names.add(backend.name);
  }
  return names;
}

function sortIntoLots(drafts: readonly OutboundDraft[]): GatheredLot[] {
  const lots = new Map<string, GatheredLot>();
  for (const { message, lots: recipientsByBackend, ignoreSuppressions } of drafts) {
    for (const [backend, recipients] of recipientsByBackend) {
      const key = `${backend.id} ${message.priority} ${message.sendAt?.getTime() ?? ''} ${ignoreSuppressions}`;
      let lot = lots.get(key);
      if (!lot) {
        const { priority, sendAt } = message;
        lot = { backend, priority, sendAt, ignoreSuppressions, messageIds: [], recipients: [] };
        lots.set(key, lot);
      }
      for (const recipient of recipients) {
        lot.messageIds.push(message.id);
        lot.recipients.push(recipient);
      }
    }
  }
  return [...lots.values()];
}
