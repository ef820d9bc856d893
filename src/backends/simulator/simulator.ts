import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SEND_ERRORS, SendError, type SendErrorCode } from '../../errors.ts';
import type { Backend, BackendHooks, Batch, OutboundTransmission, SendResult } from '../backend.ts';
import { type Chance, seededChance, spreadOut } from './chance.ts';
import { type Fate, fateTeller, isTaken, type Outcome } from './fate.ts';
import { Ledger } from './ledger.ts';
import { OperatorNews } from './news.ts';
import { type SimulatorSettings, type SimulatorSettingsInput, simulatorSettingsSchema } from './settings.ts';

type Report = (result: SendResult) => void;

/** A transmission whose answer is due some milliseconds after the call began. */
interface Answer {
  readonly afterMs: number;
  readonly result: SendResult;
}

/**
 * A simulated operator: takes texts, fails, dawdles, forgets, sends receipts and answers as its
 * settings say, and keeps a ledger of all it was handed. For demos, tests and benchmarks; no
 * traffic leaves the process.
 */
export class Simulator implements Backend {
  readonly settings: SimulatorSettings;
  readonly receiptsBy: 'transmission' | 'external';
  readonly ledger: Ledger;
  readonly #chance: Chance;
  readonly #fateOf: (identity: string, attempt: number) => Fate;
  readonly #news: OperatorNews;
  /** Aborted by `stop`, so that hanging calls end. */
  readonly #stopped = new AbortController();
  /** Makes the operator's ids differ from those of earlier runs over the same database. */
  readonly #run = `sim-${randomBytes(5).toString('hex')}-`;
  #serial = 0;
  #outage: SendErrorCode | undefined;
  #allowance: number;
  #allowanceAt = performance.now();

  /** @throws ZodError when a setting is wrong */
  constructor(settings: SimulatorSettingsInput = {}) {
    this.settings = simulatorSettingsSchema.parse(settings);
    this.receiptsBy = this.settings.receipts.by;
    this.ledger = new Ledger(this.settings.ledger);
    this.#chance = seededChance(this.settings.seed);
    this.#fateOf = fateTeller(this.settings, this.#chance);
    this.#news = new OperatorNews(this.settings, this.#chance);
    this.#outage = this.settings.outage;
    this.#allowance = this.settings.ratePerSecond ?? 0;
  }

  async start(hooks: BackendHooks): Promise<void> {
    this.#news.start(hooks);
  }

  /** From now on every call fails with this code; undefined ends the outage. */
  setOutage(code: SendErrorCode | undefined): void {
    this.#outage = code;
  }

  /** Receipts and answers of phones that are still to come. */
  get pending(): number {
    return this.#news.pending;
  }

  /**
   * A text from a phone, as if somebody had written it.
   *
   * @param externalId give the same one twice to see a duplicate; made up when left out
   * @returns the operator's id of the text, once the hook has stored it
   * @throws whatever the hook throws; Error before `start`
   */
  simulatePhone(identity: string, text: string, externalId = `${this.#nextId()}-mo`): Promise<string> {
    return this.#news.receive(identity, text, externalId);
  }

  async send(batch: Batch, report: Report, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#stopped.signal.aborted) throw new SendError('network_unreachable', 'The simulator is stopped.');
    if (this.#outage !== undefined) throw new SendError(this.#outage, meaningOf(this.#outage));

    const now = Date.now();
    const answers: Answer[] = [];
    let hanging = false;
    let lost = 0;
    for (const transmission of batch.transmissions) {
      const fate = this.#judge(transmission, now);
      this.ledger.add(transmission, fate.outcome, now);
      if (fate.outcome === 'hang') hanging = true;
      else if (fate.outcome === 'unknown') lost++;
      this.#answer(transmission, fate, answers);
    }
    this.ledger.flush();

    if (!hanging && answers.every((answer) => answer.afterMs < 1)) {
      for (const answer of answers) report(answer.result);
    } else {
      const ended = AbortSignal.any([signal, this.#stopped.signal]);
      await give(answers, report, ended);
      if (hanging) await untilAborted(ended);
    }
    if (lost > 0)
      throw new Error(`The line broke before the operator had answered for ${lost} of the batch.`);
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('The simulator is stopped.'));
    await this.#news.stop();
    this.ledger.close();
  }

  #judge(transmission: OutboundTransmission, now: number): Fate {
    if (transmission.validUntil !== undefined && transmission.validUntil.getTime() <= now) {
      return refused('expired');
    }
    if (!this.#allows(transmission.segments)) return refused('throttled');
    return this.#fateOf(transmission.identity, transmission.attempt);
  }

  /** Draws up what the operator will say about it, now and later. */
  #answer(transmission: OutboundTransmission, fate: Fate, answers: Answer[]): void {
    const { id, identity, attempt } = transmission;
    const afterMs = spreadOut(this.settings.latencyMs, this.#chance('latency', identity, attempt));
    if (!isTaken(fate.outcome)) {
      answers.push({ afterMs, result: this.#failure(id, fate.outcome) });
      return;
    }
    const externalId = this.#nextId();
    if (fate.outcome === 'sent' || fate.outcome === 'silent') {
      answers.push({ afterMs, result: { transmissionId: id, outcome: 'sent', externalId } });
    }
    if (this.settings.garbageShare > this.#chance('garbage', identity, attempt)) {
      const unknown = `${this.#nextId()}-garbage`;
      answers.push({ afterMs, result: { transmissionId: unknown, outcome: 'sent', externalId: unknown } });
    }
    this.#news.about(transmission, externalId, fate, afterMs);
  }

  #failure(transmissionId: string, code: SendErrorCode): SendResult {
    const failed = { transmissionId, outcome: 'failed', code, message: meaningOf(code) } as const;
    if (code !== 'throttled' || this.settings.ratePerSecond === undefined) return failed;
    const missing = Math.max(0, 1 - this.#allowance);
    return { ...failed, retryAfterMs: Math.ceil((missing / this.settings.ratePerSecond) * 1_000) };
  }

  /** A token bucket that holds one second's worth, and at least one segment. */
  #allows(segments: number): boolean {
    const rate = this.settings.ratePerSecond;
    if (rate === undefined) return true;
    const now = performance.now();
    const full = Math.max(1, rate);
    this.#allowance = Math.min(full, this.#allowance + ((now - this.#allowanceAt) / 1_000) * rate);
    this.#allowanceAt = now;
    // A text longer than the bucket passes when the bucket is full, or it never would.
    if (this.#allowance < Math.min(segments, full)) return false;
    this.#allowance -= segments;
    return true;
  }

  #nextId(): string {
    this.#serial++;
    return this.#run + this.#serial.toString(36);
  }
}

function refused(outcome: Outcome): Fate {
  return { outcome, receipt: 'none', reply: undefined };
}

function meaningOf(code: SendErrorCode): string {
  return `Simulated: ${SEND_ERRORS[code].meaning}`;
}

/** Reports each answer when it is due. */
async function give(answers: Answer[], report: Report, ended: AbortSignal): Promise<void> {
  answers.sort((one, other) => one.afterMs - other.afterMs);
  const began = performance.now();
  for (const answer of answers) {
    const wait = answer.afterMs - (performance.now() - began);
    if (wait >= 1) await sleep(wait, undefined, { signal: ended });
    report(answer.result);
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
