import { type FetchedJob, INBOUND_QUEUE, type InboundJob, type JobQueue } from '../jobs/queue.ts';
import type { App } from '../router/app.ts';
import type { AppLog } from '../router/app-services.ts';
import { IncomingMessage, type IncomingMessageInit } from '../router/message.ts';
import type { OutboundDraft } from '../router/outbox.ts';
import { runIncoming } from '../router/phases.ts';
import type { Router } from '../router/router.ts';
import { replyOptions } from '../router/send.ts';
import type { Database } from '../store/database.ts';
import {
  finishInbound,
  type InboundOutcome,
  loadQueuedInbound,
  type QueuedInbound,
} from '../store/inbound.ts';

export interface InboundDependencies {
  readonly database: Database;
  readonly jobs: JobQueue;
  readonly router: Router;
  readonly apps: readonly App[];
  readonly log: AppLog;
  readonly incomingClass?: (new (init: IncomingMessageInit) => IncomingMessage) | undefined;
}

/** How one message came out of the phases: its status, and its replies ready to be written. */
interface Processed {
  readonly outcome: InboundOutcome;
  readonly drafts: readonly OutboundDraft[];
}

/** Phones whose messages are with the apps at the same time, per fetch. */
const PHONES_AT_ONCE = 50;

/**
 * Takes inbound messages through the apps. The statuses, the replies with their transmissions and
 * jobs, and the completion of the inbound jobs commit together: a re-run makes no second reply.
 */
export class InboundHandler {
  readonly #deps: InboundDependencies;

  constructor(deps: InboundDependencies) {
    this.#deps = deps;
  }

  async handle(jobs: FetchedJob<InboundJob>[]): Promise<'settled'> {
    const fresh = jobs.filter((job) => job.retryCount === 0 || job.data.ids.length === 1);
    const split = jobs.filter((job) => job.retryCount > 0 && job.data.ids.length > 1);
    // A message that brings its worker down must not take those beside it along a second time.
    if (split.length > 0) await this.#splitUp(split);
    if (fresh.length > 0) await this.#process(fresh);
    return 'settled';
  }

  async #process(jobs: FetchedJob<InboundJob>[]): Promise<void> {
    const { database, router } = this.#deps;
    const rows = await loadQueuedInbound(
      database,
      jobs.flatMap((job) => job.data.ids),
    );
    const processed = await this.#runAll(rows);
    const written: OutboundDraft[] = [];
    await database.transaction(async (sql) => {
      written.length = 0;
      if (processed.length > 0) {
        const done = await finishInbound(
          sql,
          processed.map((one) => one.outcome),
        );
        written.push(...processed.filter((one) => done.has(one.outcome.id)).flatMap((one) => one.drafts));
        if (written.length > 0) await router.writeDrafts(sql, written);
      }
      await this.#deps.jobs.complete(INBOUND_QUEUE, jobs, sql);
    });
    router.wake(written);
  }

  async #splitUp(jobs: FetchedJob<InboundJob>[]): Promise<void> {
    await this.#deps.database.transaction(async (sql) => {
      const single = jobs.flatMap((job) => job.data.ids.map((id) => ({ ids: [id] })));
      await this.#deps.jobs.enqueueInbound(sql, single);
      await this.#deps.jobs.complete(INBOUND_QUEUE, jobs, sql);
    });
    this.#deps.jobs.wake(INBOUND_QUEUE);
  }

  /** Phones side by side, the messages of one phone in their order. */
  async #runAll(rows: readonly QueuedInbound[]): Promise<Processed[]> {
    const phones = [...Map.groupBy(rows, (row) => row.connectionId).values()];
    const processed: Processed[] = [];
    let next = 0;
    const runPhones = async () => {
      for (let phone = phones[next++]; phone; phone = phones[next++]) {
        for (const row of phone) processed.push(await this.#run(row));
      }
    };
    await Promise.all(Array.from({ length: Math.min(PHONES_AT_ONCE, phones.length) }, runPhones));
    return processed;
  }

  async #run(row: QueuedInbound): Promise<Processed> {
    const { apps, log } = this.#deps;
    const Incoming = this.#deps.incomingClass ?? IncomingMessage;
    const message = new Incoming({
      id: row.id,
      text: row.text,
      connection: {
        id: BigInt(row.connectionId),
        backend: row.backend,
        identity: row.identity,
        ...(row.contactId === null ? {} : { contactId: BigInt(row.contactId) }),
      },
      receivedAt: row.date,
      externalId: row.externalId ?? undefined,
      fields: row.fields ?? {},
    });
    const result = await runIncoming(apps, message, log);
    if (typeof result === 'object') {
      const error = `${result.app}.${result.phase}: ${result.error.message}`.slice(0, 1000);
      return { outcome: { id: row.id, status: 'E', error }, drafts: [] };
    }
    const { filtered } = message.fields;
    const fields = result === 'filtered' && filtered !== undefined ? { filtered } : undefined;
    return { outcome: { id: row.id, status: 'R', fields }, drafts: await this.#replies(message) };
  }

  async #replies(message: IncomingMessage): Promise<OutboundDraft[]> {
    const { router, log } = this.#deps;
    const drafts: OutboundDraft[] = [];
    for (const reply of message.replies) {
      const options = replyOptions(message, reply);
      try {
        const outgoing = await router.runOutgoingPhase(reply.text, [message.connection], options);
        const { backend, identity } = message.connection;
        const draft =
          outgoing &&
          router.draft(outgoing, [{ backend, identity }], options, (problem) =>
            log.warn({ messageId: message.id, problem: problem.problem }, 'reply has no valid recipient'),
          );
        if (draft) drafts.push(draft);
      } catch (error) {
        log.error({ err: error, messageId: message.id }, 'reply could not be sent');
      }
    }
    return drafts;
  }
}
