import { type JobQueue, outboundQueue } from '../jobs/queue.ts';
import {
  findByIdempotencyKey,
  insertOutboundMessages,
  type NewOutboundMessage,
  setRecipients,
  suppressedOf,
} from '../store/outbound.ts';
import type { Sql } from '../store/sql.ts';
import { type AcceptedRecipient, MOST_PROBLEMS, type WrittenDraft, writeLot } from './outbox.ts';
import type { Recipient, RouterBackend } from './recipients.ts';
import type { RecipientSorter } from './send.ts';

/** Rows written by one statement; larger ones gain nothing and hold more memory. */
const CHUNK = 10_000;

export interface BulkSend {
  readonly message: NewOutboundMessage;
  readonly recipients: Iterable<Recipient> | AsyncIterable<Recipient>;
  readonly sorter: RecipientSorter;
  readonly ignoreSuppressions: boolean;
  readonly onProgress?: ((written: number) => void) | undefined;
}

/** What a bulk send wrote, and by which backends. */
export interface BulkWritten extends WrittenDraft {
  readonly suppressedCount: number;
  readonly accepted: number;
  readonly backends: readonly string[];
}

/**
 * Writes one message to any number of recipients in the given transaction, chunk by chunk as they
 * come: memory does not grow with their number, and nobody sees any of it before the commit.
 */
export async function writeBulk(sql: Sql, jobs: JobQueue, bulk: BulkSend): Promise<BulkWritten> {
  const { message } = bulk;
  const ids = await insertOutboundMessages(sql, [message]);
  if (!ids.has(message.id)) {
    const [first] = await findByIdempotencyKey(sql, [message.idempotencyKey ?? '']);
    return {
      id: first?.id ?? message.id,
      replayed: true,
      replayedText: first?.text ?? '',
      transmissions: first?.recipients ?? 0,
      suppressed: [],
      suppressedCount: 0,
      accepted: 0,
      backends: [],
    };
  }
  const gathered = new Map<RouterBackend, AcceptedRecipient[]>();
  let accepted = 0;
  let transmissions = 0;
  let suppressedCount = 0;
  const flush = async (backend: RouterBackend, recipients: AcceptedRecipient[]): Promise<void> => {
    gathered.set(backend, []);
    if (recipients.length === 0) return;
    const result = await writeLot(sql, jobs, {
      backend,
      priority: message.priority,
      sendAt: message.sendAt,
      ignoreSuppressions: bulk.ignoreSuppressions,
      messageIds: message.id,
      recipients,
    });
    transmissions += result.inserted;
    suppressedCount += result.suppressed;
    bulk.onProgress?.(transmissions);
  };
  for await (const recipient of bulk.recipients) {
    const sorted = bulk.sorter.accept(recipient);
    if (!sorted) continue;
    accepted += 1;
    let waiting = gathered.get(sorted.backend);
    if (!waiting) {
      waiting = [];
      gathered.set(sorted.backend, waiting);
    }
    waiting.push(sorted.recipient);
    if (waiting.length >= CHUNK) await flush(sorted.backend, waiting);
  }
  for (const [backend, recipients] of gathered) await flush(backend, recipients);
  if (transmissions !== message.recipients || suppressedCount > 0) {
    await setRecipients(sql, message.id, transmissions, suppressedCount);
  }
  const suppressed = suppressedCount > 0 ? await suppressedOf(sql, [message.id], MOST_PROBLEMS) : [];
  return {
    id: message.id,
    replayed: false,
    transmissions,
    suppressed: suppressed.map((row) => row.identity),
    suppressedCount,
    accepted,
    backends: [...gathered.keys()].map((backend) => backend.name),
  };
}

/** The queues to wake when a bulk send has committed. */
export function bulkQueues(written: BulkWritten): string[] {
  return written.backends.map(outboundQueue);
}
