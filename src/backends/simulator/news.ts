import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendHooks, InboundReceipt, InboundText, OutboundTransmission } from '../backend.ts';
import { Agenda } from './agenda.ts';
import { type Chance, spreadOut } from './chance.ts';
import type { Fate } from './fate.ts';
import type { SimulatorSettings } from './settings.ts';

/** How long the operator waits before it offers again what we could not store. */
const REDELIVERY_MS = 250;

/** What the operator tells us unasked: receipts, and what people answer. */
export class OperatorNews {
  readonly #settings: SimulatorSettings;
  readonly #chance: Chance;
  readonly #receipts = new Agenda<InboundReceipt>((due) => this.#deliver(due));
  readonly #texts = new Agenda<InboundText>((due) => this.#deliverTexts(due));
  readonly #answered = new Map<string, number>();
  readonly #stopping = new AbortController();
  #hooks: BackendHooks | undefined;

  constructor(settings: SimulatorSettings, chance: Chance) {
    this.#settings = settings;
    this.#chance = chance;
  }

  get pending(): number {
    return this.#receipts.pending + this.#texts.pending;
  }

  start(hooks: BackendHooks): void {
    this.#hooks = hooks;
  }

  /** Plans the receipts of a message that was taken, and the answer of its phone. */
  about(transmission: OutboundTransmission, externalId: string, fate: Fate, sentAfterMs: number): void {
    if (fate.outcome === 'silent') return;
    if (fate.receipt !== 'none') this.#planReceipts(transmission, externalId, fate.receipt, sentAfterMs);
    if (fate.reply !== undefined) this.#planReply(transmission, externalId, fate.reply);
  }

  async receive(identity: string, text: string, externalId: string): Promise<string> {
    if (this.#hooks === undefined) throw new Error('The simulator has not been started.');
    await this.#hooks.receive({ identity, text, externalId, receivedAt: new Date() });
    return externalId;
  }

  async stop(): Promise<void> {
    const { onStop } = this.#settings;
    this.#stopping.abort();
    await Promise.all([this.#receipts.close(onStop), this.#texts.close(onStop)]);
  }

  #planReceipts(
    { id, identity, attempt }: OutboundTransmission,
    externalId: string,
    final: 'delivered' | 'undelivered',
    sentAfterMs: number,
  ): void {
    const { delayMs, by, intermediate, duplicates, shuffled } = this.#settings.receipts;
    const about = by === 'external' ? { externalId } : { transmissionId: id, externalId };
    const finalAfter = spreadOut(delayMs, this.#chance('receiptDelay', identity, attempt));
    const sentAfter = spreadOut(delayMs, this.#chance('sentReceiptDelay', identity, attempt));
    const add = (receipt: InboundReceipt, afterMs: number) => {
      this.#receipts.add(receipt, afterMs);
      if (this.#chance('duplicate', identity, attempt) < duplicates)
        this.#receipts.add(receipt, afterMs + 10);
    };
    const occurredAt = new Date(Date.now() + sentAfterMs);
    if (intermediate) {
      const early = shuffled ? sentAfter : Math.min(sentAfter, finalAfter);
      add({ ...about, providerStatus: 'sent', status: 'S', occurredAt }, early);
    }
    const finalAt = new Date(Date.now() + finalAfter);
    if (final === 'delivered') {
      add({ ...about, providerStatus: 'delivered', status: 'D', occurredAt: finalAt }, finalAfter);
    } else {
      const error = { errorCode: 'undelivered', errorMessage: 'Simulated: not delivered.' } as const;
      add(
        { ...about, ...error, providerStatus: 'undelivered', status: 'E', occurredAt: finalAt },
        finalAfter,
      );
    }
  }

  #planReply({ identity, attempt }: OutboundTransmission, externalId: string, text: string): void {
    const { perPhone, delayMs } = this.#settings.replies;
    const answers = this.#answered.get(identity) ?? 0;
    if (answers >= perPhone) return;
    this.#answered.set(identity, answers + 1);
    const afterMs = spreadOut(delayMs, this.#chance('replyDelay', identity, attempt));
    this.#texts.add({ identity, text, externalId: `${externalId}-mo` }, afterMs);
  }

  async #deliver(due: InboundReceipt[]): Promise<void> {
    if (this.#settings.receipts.shuffled) due.reverse();
    for (let from = 0; from < due.length; from += 500) {
      const receipts = due.slice(from, from + 500);
      await this.#untilTaken(async (hooks) => hooks.receipt(receipts));
    }
  }

  async #deliverTexts(due: InboundText[]): Promise<void> {
    const receivedAt = new Date();
    await Promise.all(
      due.map((text) => this.#untilTaken(async (hooks) => hooks.receive({ ...text, receivedAt }))),
    );
  }

  /** Like a real operator, offers it again until we have stored it; gives up only when stopped. */
  async #untilTaken(offer: (hooks: BackendHooks) => Promise<void>): Promise<void> {
    while (this.#hooks !== undefined) {
      try {
        await offer(this.#hooks);
        return;
      } catch (error) {
        this.#hooks.log.warn({ err: error }, 'Simulated operator: not taken, offered again later.');
        if (this.#stopping.signal.aborted) return;
        await sleep(REDELIVERY_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      }
      if (this.#stopping.signal.aborted && this.#settings.onStop === 'drop') return;
    }
  }
}
