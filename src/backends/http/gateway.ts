import { type Dispatcher, Pool } from 'undici';
import { errorClassOf, SendError, type SendErrorCode } from '../../errors.ts';
import type { Backend, Batch, OutboundTransmission, SendResult } from '../backend.ts';
import type { Answer, Verdict } from './answer.ts';
import { codeOfFailure, errorCodesOf } from './failure.ts';
import { Slots } from './slots.ts';

/** One HTTP request of a gateway's interface. */
export interface GatewayRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** How a gateway wants to be spoken to, and what its answers mean. */
export interface Dialect {
  /** Scheme, host and port. */
  readonly origin: string;
  /** More than 1: recipients of one text share a call, and its answer. */
  readonly recipientsPerCall: number;
  readonly receiptsBy: 'transmission' | 'external';
  /** Never shown in an error message, in whatever form a gateway may echo them. */
  readonly secrets: readonly string[];
  /** @param group transmissions of one message with one text; at most `recipientsPerCall` */
  request(group: readonly OutboundTransmission[]): GatewayRequest;
  read(answer: Answer): Verdict;
}

export interface ConnectionSettings {
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly keepAliveMs: number;
}

type Report = (result: SendResult) => void;
type Group = readonly OutboundTransmission[];

/** A refusal after which the next call would fare no better. */
interface Refusal {
  readonly code: SendErrorCode;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}

const LONGEST_BODY = 64 * 1024;

/**
 * A backend for gateways that take texts by HTTP calls. Each call's transmissions are reported as
 * soon as it is answered. When the gateway refuses all traffic (throttled, credentials, down), the
 * rest of the batch is not tried: the call ends in a SendError that stands for it.
 *
 * What is not answered for certain is reported as `unknown_outcome`, and what was not yet handed
 * over when the signal aborted as `network_unreachable`, so that it may be sent later without risk.
 */
export class HttpGateway implements Backend {
  readonly receiptsBy: 'transmission' | 'external';
  readonly #dialect: Dialect;
  readonly #pool: Pool;
  readonly #slots: Slots;
  readonly #connections: number;
  readonly #stopped = new AbortController();

  constructor(dialect: Dialect, settings: ConnectionSettings) {
    this.#dialect = dialect;
    this.receiptsBy = dialect.receiptsBy;
    this.#connections = settings.connections;
    this.#slots = new Slots(settings.connections);
    this.#pool = new Pool(dialect.origin, {
      connections: settings.connections,
      pipelining: 1,
      connect: { timeout: settings.connectTimeoutMs },
      headersTimeout: settings.answerTimeoutMs,
      bodyTimeout: settings.answerTimeoutMs,
      keepAliveTimeout: settings.keepAliveMs,
      keepAliveMaxTimeout: settings.keepAliveMs,
    });
  }

  async send(batch: Batch, report: Report, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#stopped.signal.aborted) throw new SendError('network_unreachable', 'The backend is stopped.');
    const waiting = grouped(batch.transmissions, this.#dialect.recipientsPerCall);
    const ended = AbortSignal.any([signal, this.#stopped.signal]);
    let next = 0;
    let refusal: Refusal | undefined;

    const lane = async (): Promise<void> => {
      while (next < waiting.length && (await this.#slots.acquire(ended))) {
        try {
          // Others may have taken the last one, or been refused, while this one waited for its place.
          if (refusal !== undefined || next >= waiting.length) return;
          refusal = (await this.#call(waiting[next++] as Group, report, ended)) ?? refusal;
        } finally {
          this.#slots.release();
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#connections, waiting.length) }, lane));

    const untried = waiting.slice(next);
    if (untried.length === 0) return;
    if (refusal !== undefined) {
      const { code, message, retryAfterMs } = refusal as Refusal;
      throw new SendError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
    }
    const message = 'Not handed over: the call was aborted before its turn.';
    for (const group of untried) fail(group, 'network_unreachable', message, undefined, report);
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('The backend is stopped.'));
    await this.#pool.destroy();
  }

  /** One HTTP call; says when it shows that further calls are useless. */
  async #call(claimed: Group, report: Report, ended: AbortSignal): Promise<Refusal | undefined> {
    const group = dropExpired(claimed, report);
    if (group.length === 0) return undefined;
    let request: GatewayRequest;
    try {
      request = this.#dialect.request(group);
    } catch (error) {
      fail(group, 'rejected', `No request could be made of it: ${this.#words(error)}`, undefined, report);
      return undefined;
    }
    try {
      const answer = await this.#ask(request, ended);
      return this.#settle(group, answer, report);
    } catch (error) {
      const code = ended.aborted ? 'unknown_outcome' : codeOfFailure(error);
      const message = ended.aborted ? 'No answer before the call was aborted.' : this.#words(error);
      fail(group, code, message, undefined, report);
      return code === 'network_unreachable' ? { code, message, retryAfterMs: undefined } : undefined;
    }
  }

  async #ask(request: GatewayRequest, signal: AbortSignal): Promise<Answer> {
    const { method, path, headers, body = null } = request;
    const response = await this.#pool.request({ method, path, headers, body, signal });
    return {
      status: response.statusCode,
      headers: response.headers,
      body: await readBody(response.body),
    };
  }

  #settle(group: Group, answer: Answer, report: Report): Refusal | undefined {
    const verdict = this.#dialect.read(answer);
    if (verdict.outcome === 'sent') {
      // An id shared by several recipients would match receipts to the wrong one.
      const externalId = group.length === 1 ? verdict.externalId : undefined;
      for (const { id } of group) {
        const sent = { transmissionId: id, outcome: 'sent' } as const;
        report(externalId === undefined ? sent : { ...sent, externalId });
      }
      return undefined;
    }
    const { code, retryAfterMs } = verdict;
    const message = this.#shown(`HTTP ${answer.status}: ${answer.body}`);
    fail(group, code, message, retryAfterMs, report);
    const stops = ['throttle', 'pause'].includes(errorClassOf(code)) || code === 'provider_unavailable';
    return stops ? { code, message, retryAfterMs } : undefined;
  }

  #words(error: unknown): string {
    const codes = errorCodesOf(error).join(', ');
    const text = error instanceof Error ? error.message : String(error);
    return this.#shown(codes === '' || text.includes(codes) ? text : `${codes}: ${text}`);
  }

  /** One line of at most 200 characters without secrets. */
  #shown(text: string): string {
    let shown = text.slice(0, 4_000);
    for (const secret of this.#dialect.secrets) shown = shown.replaceAll(secret, '***');
    return shown
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .trim()
      .slice(0, 200)
      .toWellFormed();
  }
}

/** Cuts a batch into calls; only transmissions of one message with one text share one. */
function grouped(transmissions: Group, size: number): Group[] {
  if (size === 1) return transmissions.map((each) => [each]);
  const groups: OutboundTransmission[][] = [];
  const open = new Map<string, OutboundTransmission[]>();
  for (const each of transmissions) {
    const key = `${each.messageId} ${each.text}`;
    let group = open.get(key);
    if (group === undefined || group.length >= size) {
      group = [];
      open.set(key, group);
      groups.push(group);
    }
    group.push(each);
  }
  return groups;
}

function dropExpired(group: Group, report: Report): Group {
  const now = Date.now();
  const isExpired = ({ validUntil }: OutboundTransmission) =>
    validUntil !== undefined && validUntil.getTime() <= now;
  if (!group.some(isExpired)) return group;
  const message = 'Its validity period ended before it was handed over.';
  fail(group.filter(isExpired), 'expired', message, undefined, report);
  return group.filter((each) => !isExpired(each));
}

function fail(
  group: Group,
  code: SendErrorCode,
  message: string,
  retryAfterMs: number | undefined,
  report: Report,
): void {
  for (const { id } of group) {
    const failed = { transmissionId: id, outcome: 'failed', code, message } as const;
    report(retryAfterMs === undefined ? failed : { ...failed, retryAfterMs });
  }
}

async function readBody(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop closes the connection: nobody sends that much about one text.
    if (size >= LONGEST_BODY) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, LONGEST_BODY);
}
