import type { SendErrorCode } from '../../errors.ts';
import type { HttpSettings } from './settings.ts';
import { atPath } from './template.ts';

/** A gateway's answer to one call. */
export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** At most 64 KiB of it. */
  readonly body: string;
}

/** What an answer says about the message. */
export type Verdict =
  | { readonly outcome: 'sent'; readonly externalId: string | undefined }
  | { readonly outcome: 'failed'; readonly code: SendErrorCode; readonly retryAfterMs: number | undefined };

export interface ErrorRule {
  /** 429, or a whole class such as 5xx; any when left out. */
  readonly status?: number | string | undefined;
  readonly bodyMatches?: RegExp | undefined;
  readonly code: SendErrorCode;
}

/**
 * What a status means when no rule says otherwise. A 5xx tells nothing about whether the message
 * went out: gateways answer so after they handed it on. Only a 503 that names a time to come back
 * at is an orderly refusal.
 */
export function codeOfStatus(status: number, hasRetryAfter: boolean): SendErrorCode {
  if (status === 503 && hasRetryAfter) return 'provider_unavailable';
  if (status >= 500 || status === 408) return 'unknown_outcome';
  if (status === 429 || status === 425) return 'throttled';
  if (status === 401 || status === 403 || status === 407) return 'auth_failed';
  if (status === 402) return 'account_suspended';
  if ([404, 405, 406, 410, 411, 415, 426, 431].includes(status)) return 'misconfigured';
  if (status === 413) return 'message_too_long';
  if (status >= 400) return 'rejected';
  // Redirects are not followed: a POST would become a GET, and credentials go where they were not meant to.
  if (status >= 300) return 'misconfigured';
  // A success we were not told to expect: something took it.
  return 'unknown_outcome';
}

/** Turns the settings of what success and errors look like into a reader of answers. */
export function answerReader(
  settings: Pick<HttpSettings, 'success' | 'externalId' | 'errors'>,
): (answer: Answer) => Verdict {
  const rules: ErrorRule[] = settings.errors.map(({ status, bodyMatches, code }) => ({
    status,
    bodyMatches: bodyMatches === undefined ? undefined : new RegExp(bodyMatches),
    code,
  }));
  const { status: statuses, bodyMatches } = settings.success;
  const success = bodyMatches === undefined ? undefined : new RegExp(bodyMatches);
  const externalIdOf = externalIdReader(settings.externalId);

  return (answer) => {
    const retryAfterMs = retryAfterOf(answer.headers['retry-after']);
    const failed = (code: SendErrorCode): Verdict => ({ outcome: 'failed', code, retryAfterMs });
    const rule = rules.find((each) => applies(each, answer));
    if (rule !== undefined) return failed(rule.code);
    if (!statuses.includes(answer.status)) {
      return failed(codeOfStatus(answer.status, retryAfterMs !== undefined));
    }
    if (success !== undefined && !success.test(answer.body)) return failed('rejected');
    return { outcome: 'sent', externalId: externalIdOf(answer) };
  };
}

/** Whether an error rule is about this answer. */
export function applies(rule: ErrorRule, answer: Answer): boolean {
  if (typeof rule.status === 'number' && rule.status !== answer.status) return false;
  if (typeof rule.status === 'string' && rule.status[0] !== String(answer.status)[0]) return false;
  return rule.bodyMatches === undefined || rule.bodyMatches.test(answer.body);
}

/** Milliseconds from a Retry-After header: seconds or a date (RFC 9110, 10.2.3); at most a day. */
export function retryAfterOf(header: string | string[] | undefined, now = Date.now()): number | undefined {
  const value = Array.isArray(header) ? header[0] : header;
  if (value === undefined) return undefined;
  const milliseconds = /^\s*\d+\s*$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  if (Number.isNaN(milliseconds)) return undefined;
  return Math.min(Math.max(0, milliseconds), 86_400_000);
}

function externalIdReader(place: HttpSettings['externalId']): (answer: Answer) => string | undefined {
  if (place === undefined) return () => undefined;
  if ('header' in place) {
    const name = place.header.toLowerCase();
    return ({ headers }) => textOf(headers[name]);
  }
  if ('regex' in place) {
    const expression = new RegExp(place.regex);
    return ({ body }) => {
      const match = expression.exec(body);
      return match === null ? undefined : textOf(match[1] ?? match[0]);
    };
  }
  return ({ body }) => textOf(atPath(parsed(body), place.json));
}

/** The JSON in a body, or undefined when it is none. */
export function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return textOf(value[0]);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
