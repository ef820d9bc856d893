import type { SendResult } from '../backends/backend.ts';
import type { BackendPolicy } from '../backends/policy.ts';
import { errorClassOf, isSendErrorCode, type SendError, type SendErrorCode } from '../errors.ts';
import type { ClaimedTransmission } from '../store/claim.ts';
import type { TransmissionOutcome } from '../store/results.ts';

/** Providers' messages are kept up to this many characters. */
const MESSAGE_LENGTH = 500;

/**
 * Seconds until the next try after the given one: exponential from `baseSeconds`, at most
 * `maxSeconds`, with full jitter over its upper half so that a batch's retries spread.
 */
export function backoffSeconds(
  attempt: number,
  policy: BackendPolicy['retry'],
  random = Math.random,
): number {
  const ceiling = Math.min(policy.maxSeconds, policy.baseSeconds * 2 ** Math.min(attempt - 1, 30));
  return ceiling * (0.5 + 0.5 * random());
}

/** What an error asks of the backend as a whole. */
export interface BackendPause {
  readonly reason: string;
  /** Undefined: until somebody resumes it. */
  readonly seconds: number | undefined;
}

export interface Judgement {
  readonly outcome: TransmissionOutcome;
  readonly pause?: BackendPause;
}

/** What a result means for its transmission, and for its backend: the only place where errors become statuses. */
export function judge(
  result: SendResult,
  transmission: ClaimedTransmission,
  token: string,
  backend: { id: number; policy: BackendPolicy; correlate: boolean },
): Judgement {
  const base = { id: transmission.id, token, backendId: backend.id };
  if (result.outcome === 'sent') {
    const { externalId, partIds } = result;
    return { outcome: { ...base, status: 'S', externalId, partIds, correlate: backend.correlate } };
  }
  const error = { errorCode: result.code, errorMessage: result.message.slice(0, MESSAGE_LENGTH) };
  const { policy } = backend;
  const retry = (): TransmissionOutcome => {
    if (transmission.attempt >= policy.retry.attempts) return { ...base, ...error, status: 'E', dead: true };
    const asked = (result.retryAfterMs ?? 0) / 1000;
    const retrySeconds = Math.max(asked, backoffSeconds(transmission.attempt, policy.retry));
    return { ...base, ...error, status: 'E', retrySeconds };
  };
  switch (errorClassOf(result.code)) {
    case 'permanent':
      return { outcome: { ...base, ...error, status: 'E' } };
    case 'retry':
      return { outcome: retry() };
    case 'unknown':
      return {
        outcome: policy.onUnknown === 'hold' ? { ...base, ...error, status: 'E', dead: true } : retry(),
      };
    case 'throttle': {
      const seconds = result.retryAfterMs === undefined ? policy.throttleSeconds : result.retryAfterMs / 1000;
      return {
        outcome: { ...base, ...error, status: 'Q', retrySeconds: seconds },
        pause: { reason: `${result.code}: ${result.message}`.slice(0, MESSAGE_LENGTH), seconds },
      };
    }
    case 'pause':
      return {
        outcome: { ...base, ...error, status: 'Q', retrySeconds: 0 },
        pause: { reason: `${result.code}: ${result.message}`.slice(0, MESSAGE_LENGTH), seconds: undefined },
      };
  }
}

/** The results of what a call left unreported, from how the call ended. */
export function leftoverResult(transmission: ClaimedTransmission, failure: unknown): SendResult {
  if (isSendError(failure)) {
    const { failedIdentities } = failure;
    if (failedIdentities && !failedIdentities.includes(transmission.identity)) {
      return { transmissionId: transmission.id, outcome: 'sent' };
    }
    return failed(transmission.id, failure.code, failure.message, failure.retryAfterMs);
  }
  const message =
    failure === undefined
      ? 'The backend ended its call without saying what became of it.'
      : failure instanceof Error
        ? failure.message
        : String(failure);
  return failed(transmission.id, 'unknown_outcome', message);
}

/** By its name and code, not its class: a backend may have come with a textyard of its own. */
function isSendError(failure: unknown): failure is SendError {
  return (
    failure instanceof Error &&
    failure.name === 'SendError' &&
    isSendErrorCode(String((failure as SendError).code))
  );
}

function failed(
  transmissionId: string,
  code: SendErrorCode,
  message: string,
  retryAfterMs?: number,
): SendResult {
  return {
    transmissionId,
    outcome: 'failed',
    code,
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
