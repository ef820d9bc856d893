import type { BackendPolicy } from '../backends/policy.ts';
import { TextyardError } from '../errors.ts';
import { isNormalizedNumber, normalizeNumber } from '../sms/numbers.ts';

/** A backend as the router sees it: its row, and its settings. */
export interface RouterBackend {
  readonly id: number;
  readonly name: string;
  readonly policy: BackendPolicy;
}

/** One recipient of an outbound message. A stored connection fits too. */
export interface Recipient {
  readonly backend: string;
  readonly identity: string;
  /** A personalised text, where it differs from the message's. */
  readonly text?: string;
  /** Where it stands in the caller's file; said back when something is wrong with it. */
  readonly line?: number;
}

/** One, several, or a stream of recipients, such as `router.connections({ … })`. */
export type Recipients = Recipient | Iterable<Recipient> | AsyncIterable<Recipient>;

/** Why one recipient will not get the message. */
export interface RecipientProblem {
  /** Counted from 1: the `line` the recipient came with, or its place in the list. */
  readonly line: number;
  readonly identity: string;
  readonly code: 'invalid_recipient' | 'suppressed';
  readonly problem: string;
}

export function isOneRecipient(recipients: Recipients): recipients is Recipient {
  return typeof (recipients as Recipient).identity === 'string';
}

/**
 * The identity as it is stored: E.164 on backends whose identities are phone numbers.
 */
export function normalizeIdentity(
  identity: unknown,
  policy: BackendPolicy,
): { identity: string } | { problem: string } {
  if (typeof identity !== 'string' || identity.trim() === '') {
    return { problem: 'identity is empty: give a phone number' };
  }
  if (identity.includes('\0')) return { problem: 'identity contains a NUL character' };
  if (policy.identities === 'any' || isNormalizedNumber(identity)) return { identity };
  const number = normalizeNumber(
    identity,
    policy.defaultCountry ? { defaultCountry: policy.defaultCountry } : {},
  );
  return number.ok ? { identity: number.e164 } : { problem: number.problem };
}

/** An inbound sender may also be a short code or a name: what is no phone number is kept as it came. */
export function normalizeSender(identity: string, policy: BackendPolicy): string {
  const result = normalizeIdentity(identity, policy);
  return 'identity' in result ? result.identity : identity;
}

/** @throws TextyardError when PostgreSQL could not store it, or there is nothing to send */
export function checkText(text: unknown, field = 'text'): asserts text is string {
  if (typeof text !== 'string') {
    throw new TextyardError(
      'invalid',
      `${field}: expected a string, got ${text === null ? 'null' : typeof text}`,
      {
        field,
      },
    );
  }
  if (text.trim() === '') {
    throw new TextyardError('invalid', `${field}: is empty; a message needs at least one character`, {
      field,
    });
  }
  if (text.includes('\0')) {
    throw new TextyardError('invalid', `${field}: contains a NUL character, which a text cannot have`, {
      field,
    });
  }
}

export function findBackend(backends: ReadonlyMap<string, RouterBackend>, name: unknown): RouterBackend {
  const backend = typeof name === 'string' ? backends.get(name) : undefined;
  if (backend) return backend;
  const known = [...backends.keys()].join(', ') || 'none are configured';
  throw new TextyardError(
    'not_found',
    `backend: there is no backend "${String(name)}"; configured: ${known}`,
    {
      field: 'backend',
    },
  );
}
