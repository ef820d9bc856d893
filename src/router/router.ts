import type { InboundReceipt } from '../backends/backend.ts';
import { TextyardError } from '../errors.ts';
import type { JobQueue } from '../jobs/queue.ts';
import { segmentsOf } from '../sms/segments.ts';
import { type StoredConnection, streamConnections } from '../store/connection-stream.ts';
import { lookupConnections } from '../store/connections.ts';
import type { Database } from '../store/database.ts';
import type { DeadFilter } from '../store/dead-letters.ts';
import type { Prisma } from '../store/generated/client.ts';
import type { TextyardPrisma } from '../store/prisma.ts';
import {
  matchParkedReceipts,
  type NewReceipt,
  type ReceiptCounts,
  storeReceipts,
} from '../store/receipts.ts';
import { type Sql, sqlFromCaller } from '../store/sql.ts';
import { uuid7 } from '../store/uuid7.ts';
import type { App } from './app.ts';
import type { AppLog } from './app-services.ts';
import { bulkQueues, writeBulk } from './bulk-send.ts';
import { GroupCommit } from './group-commit.ts';
import { Inbox, type ReceiveOptions } from './inbox.ts';
import {
  type ConnectionRef,
  type IncomingMessage,
  type IncomingMessageInit,
  OutgoingMessage,
  type OutgoingMessageInit,
} from './message.ts';
import {
  type AcceptedRecipient,
  isForLater,
  type OutboundDraft,
  Outbox,
  type WrittenDraft,
} from './outbox.ts';
import { runOutgoing } from './phases.ts';
import {
  checkText,
  findBackend,
  isOneRecipient,
  normalizeIdentity,
  type Recipient,
  type RecipientProblem,
  type Recipients,
  type RouterBackend,
} from './recipients.ts';
import { type Redriven, redrive } from './redrive.ts';
import { cancelledReport, finishReport, newReceipt, nobody, Problems } from './report.ts';
import { checkSendOptions, newMessage, RecipientSorter, type SendOptions, type SendReport } from './send.ts';

export interface RouterDependencies {
  readonly database: Database;
  readonly prisma: TextyardPrisma;
  readonly jobs: JobQueue;
  readonly backends: ReadonlyMap<string, RouterBackend>;
  readonly apps: readonly App[];
  readonly log: AppLog;
  /** Your own classes for what the apps see. */
  readonly incomingClass?: new (
    init: IncomingMessageInit,
  ) => IncomingMessage;
  readonly outgoingClass?: new (init: OutgoingMessageInit) => OutgoingMessage;
}

/** Recipients up to this many share a commit with other sends; more go in a transaction of their own. */
const GROUP_LIMIT = 500;
/** How far back a just parked receipt is looked up again. */
const PARKED_RECHECK_SECONDS = 60;

/**
 * Takes messages in, sends messages out, applies receipts. Everything is stored, with the job that
 * will work on it, before a call returns.
 */
export class Router {
  readonly #deps: RouterDependencies;
  readonly #outbox: Outbox;
  readonly #sends: GroupCommit<OutboundDraft, WrittenDraft>;
  readonly #inbox: Inbox;
  readonly #receipts: GroupCommit<NewReceipt[], undefined>;

  constructor(deps: RouterDependencies) {
    this.#deps = deps;
    this.#outbox = new Outbox(deps.jobs);
    this.#sends = new GroupCommit((drafts) => this.#commitSends(drafts));
    this.#inbox = new Inbox(deps);
    this.#receipts = new GroupCommit((groups) => this.#commitReceipts(groups));
  }

  get backends(): ReadonlyMap<string, RouterBackend> {
    return this.#deps.backends;
  }

  /**
   * Stores an inbound text and queues it for the apps; returns after the commit.
   *
   * @throws TextyardError for an unknown backend, an empty identity, or a text PostgreSQL cannot store
   */
  receive(
    text: string,
    connection: Pick<ConnectionRef, 'backend' | 'identity'>,
    options: ReceiveOptions = {},
  ): Promise<IncomingMessage> {
    return this.#inbox.receive(text, connection, options);
  }

  /**
   * Sends a text to one, several or a stream of recipients: runs the outgoing phase, then stores
   * message, transmissions and the jobs that will send them; returns after the commit (with `tx`:
   * takes effect at yours). Concurrent small sends share a commit.
   *
   * @throws TextyardError naming what is wrong; nothing is stored then
   */
  async send(text: string, recipients: Recipients, options: SendOptions = {}): Promise<SendReport> {
    checkText(text);
    checkSendOptions(options);
    if (recipients === null || typeof recipients !== 'object') {
      throw new TextyardError('invalid', 'recipients: expected a connection, a list or a stream of them', {
        field: 'recipients',
      });
    }
    const list = isOneRecipient(recipients) ? [recipients] : recipients;
    // Only a reply may carry the mark that lets the confirmation of an opt-out through.
    const { optOutConfirmation: _, ...fields } = options.fields ?? {};
    const connections = Array.isArray(list) ? list : [];
    const outgoing = await this.runOutgoingPhase(text, connections, { ...options, fields });
    if (!outgoing) return cancelledReport(text);
    const isSmall = Array.isArray(list) && list.length <= GROUP_LIMIT;
    return isSmall ? this.#sendList(outgoing, list, options) : this.#sendBulk(outgoing, list, options);
  }

  /** Applies delivery reports to transmissions, once each, whatever order they come in; returns after the commit. */
  async receipt(backendName: string, receipts: InboundReceipt | readonly InboundReceipt[]): Promise<void> {
    const backend = findBackend(this.#deps.backends, backendName);
    const list = Array.isArray(receipts) ? receipts : [receipts as InboundReceipt];
    const rows = list.map((receipt: InboundReceipt) => newReceipt(backend.id, receipt));
    if (rows.length > 0) await this.#receipts.submit(rows);
  }

  /**
   * The connections of these identities, in their order and without repeats; those missing are made.
   *
   * @throws TextyardError for an unknown backend or an identity that is none
   */
  async lookupConnections(
    backendName: string,
    identities: readonly string[],
  ): Promise<(ConnectionRef & { id: bigint })[]> {
    const backend = findBackend(this.#deps.backends, backendName);
    const normalized = identities.map((identity, index) => {
      const result = normalizeIdentity(identity, backend.policy);
      if ('identity' in result) return result.identity;
      throw new TextyardError('invalid', `identities[${index}]: ${identity}: ${result.problem}`, {
        field: `identities[${index}]`,
      });
    });
    const rows = await lookupConnections(this.#deps.database, backend.id, normalized);
    return rows.map((row) => ({
      id: BigInt(row.id),
      backend: backend.name,
      identity: row.identity,
      ...(row.contactId === null ? {} : { contactId: BigInt(row.contactId) }),
    }));
  }

  /**
   * Puts what was given up on back to work: transmissions whose tries are used up or whose outcome is
   * unknown, inbound messages that an app failed on, jobs that became dead letters.
   *
   * @param onProgress told how many are back
   */
  redrive(filter: DeadFilter = {}, onProgress: (done: number) => void = () => {}): Promise<Redriven> {
    return redrive(this.#deps, filter, onProgress);
  }

  /**
   * The stored connections that fit a Prisma filter, as a stream of recipients:
   * `send(text, router.connections({ contact: { language: 'fr' } }))`. All of them without a filter.
   */
  connections(where: Prisma.ConnectionWhereInput = {}): AsyncGenerator<StoredConnection> {
    return streamConnections(this.#deps.prisma, where);
  }

  /** Runs the outgoing phase; undefined when an app cancelled. For the worker, which sends replies. */
  async runOutgoingPhase(
    text: string,
    connections: readonly ConnectionRef[],
    options: SendOptions,
  ): Promise<OutgoingMessage | undefined> {
    const Outgoing = this.#deps.outgoingClass ?? OutgoingMessage;
    const message = new Outgoing({
      id: uuid7(),
      text,
      connections,
      inResponseTo: typeof options.inResponseTo === 'object' ? options.inResponseTo : undefined,
      fields: { ...options.fields },
    });
    const goesOn = await runOutgoing(this.#deps.apps, message, this.#deps.log);
    if (!goesOn) return undefined;
    checkText(message.text);
    return message;
  }

  /** A draft for known-good recipients, such as the person a reply goes to; undefined when none is left. */
  draft(
    outgoing: OutgoingMessage,
    recipients: Iterable<Recipient>,
    options: SendOptions,
    report: (problem: RecipientProblem) => void,
  ): OutboundDraft | undefined {
    const sorter = new RecipientSorter(this.#deps.backends, segmentsOf(outgoing.text).segments, report);
    const lots = new Map<RouterBackend, AcceptedRecipient[]>();
    let accepted = 0;
    for (const recipient of recipients) {
      const sorted = sorter.accept(recipient);
      if (!sorted) continue;
      accepted += 1;
      const lot = lots.get(sorted.backend);
      if (lot) lot.push(sorted.recipient);
      else lots.set(sorted.backend, [sorted.recipient]);
    }
    if (accepted === 0) return undefined;
    const message = newMessage(outgoing.id, outgoing.text, accepted, { ...options, fields: outgoing.fields });
    return { message, lots, ignoreSuppressions: outgoing.fields.optOutConfirmation === true };
  }

  /** Writes drafts in a transaction of the caller's; `wake` after it. For the worker. */
  writeDrafts(sql: Sql, drafts: readonly OutboundDraft[]): Promise<WrittenDraft[]> {
    return this.#outbox.write(sql, drafts);
  }

  wake(drafts: readonly OutboundDraft[]): void {
    this.#outbox.wake(drafts);
  }

  async #sendList(outgoing: OutgoingMessage, list: Recipient[], options: SendOptions): Promise<SendReport> {
    const problems = new Problems(options);
    const draft = this.draft(outgoing, list, options, problems.add);
    problems.checkStrict();
    if (!draft) throw nobody(problems);
    let written: WrittenDraft | undefined;
    if (options.tx) {
      const sql = sqlFromCaller(options.tx);
      [written] = await this.#outbox.write(sql, [draft]);
      await this.#outbox.wakeAtCommit(sql, [draft]);
    } else {
      written = await this.#sends.submit(draft);
    }
    if (!written) throw new Error('a draft was neither written nor replayed');
    return finishReport(outgoing, problems, written, draft.message.recipients, written.suppressed.length);
  }

  async #sendBulk(
    outgoing: OutgoingMessage,
    recipients: Iterable<Recipient> | AsyncIterable<Recipient>,
    options: SendOptions,
  ): Promise<SendReport> {
    const { database, jobs, backends } = this.#deps;
    const problems = new Problems(options);
    const write = async (sql: Sql) => {
      const sorter = new RecipientSorter(backends, segmentsOf(outgoing.text).segments, (problem) => {
        problems.add(problem);
        problems.checkStrict();
      });
      const written = await writeBulk(sql, jobs, {
        message: newMessage(outgoing.id, outgoing.text, 0, { ...options, fields: outgoing.fields }),
        recipients,
        sorter,
        ignoreSuppressions: outgoing.fields.optOutConfirmation === true,
        onProgress: options.onProgress,
      });
      if (!written.replayed && written.accepted === 0) throw nobody(problems);
      return written;
    };
    const queuesOf = (written: Awaited<ReturnType<typeof write>>) =>
      isForLater(options.sendAt) ? [] : bulkQueues(written);
    if (options.tx) {
      const sql = sqlFromCaller(options.tx);
      const written = await write(sql);
      for (const queue of queuesOf(written)) await jobs.wakeAtCommit(sql, queue);
      return finishReport(outgoing, problems, written, written.accepted, written.suppressedCount);
    }
    // A stream can be read only once, so this transaction is not tried again.
    const written = await database.streamingTransaction(write);
    for (const queue of queuesOf(written)) jobs.wake(queue);
    return finishReport(outgoing, problems, written, written.accepted, written.suppressedCount);
  }

  async #commitSends(drafts: OutboundDraft[]): Promise<WrittenDraft[]> {
    const { database } = this.#deps;
    const written = await database.tellingOutages(() =>
      database.transaction((sql) => this.#outbox.write(sql, drafts)),
    );
    this.#outbox.wake(drafts);
    return written;
  }

  async #commitReceipts(groups: NewReceipt[][]): Promise<undefined[]> {
    const { database } = this.#deps;
    const counts: ReceiptCounts = await database.tellingOutages(() => storeReceipts(database, groups.flat()));
    // The result that names this provider id may have committed while we parked: look once more.
    if (counts.parked > 0) await matchParkedReceipts(database, PARKED_RECHECK_SECONDS);
    return groups.map(() => undefined);
  }
}
