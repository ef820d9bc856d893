import type { SendResult } from '../backends/backend.ts';
import { isSendErrorCode } from '../errors.ts';

/** Longer ids do not fit the index of `correlations`, and no provider has them. */
const LONGEST_ID = 500;
/** No wait that a provider asks for is longer. */
const LONGEST_RETRY_AFTER_MS = 7 * 86_400_000;

/**
 * What a backend reported, made fit to be judged and stored. Backends are other people's programs: one
 * result that the database refuses would take those written with it along, and all of them would be
 * sent again. What makes no sense at all means that the outcome is unknown.
 */
export function checkedResult(result: SendResult): SendResult {
  const { transmissionId, outcome } = result;
  if (outcome === 'sent') {
    const externalId = idOf(result.externalId);
    const partIds = Array.isArray(result.partIds)
      ? result.partIds.map(idOf).filter((id) => id !== undefined)
      : undefined;
    return {
      transmissionId,
      outcome,
      ...(externalId === undefined ? {} : { externalId }),
      ...(partIds === undefined ? {} : { partIds }),
    };
  }
  if (outcome !== 'failed' || !isSendErrorCode(String(result.code))) {
    return {
      transmissionId,
      outcome: 'failed',
      code: 'unknown_outcome',
      message: `The backend reported what is no result: ${withoutNul(describe(result))}`,
    };
  }
  const { code, message, retryAfterMs } = result;
  return {
    transmissionId,
    outcome,
    code,
    message: withoutNul(typeof message === 'string' ? message : describe(message)),
    ...(Number.isFinite(retryAfterMs)
      ? { retryAfterMs: Math.min(Math.max(0, Number(retryAfterMs)), LONGEST_RETRY_AFTER_MS) }
      : {}),
  };
}

function idOf(id: unknown): string | undefined {
  if (typeof id !== 'string' && typeof id !== 'number' && typeof id !== 'bigint') return undefined;
  return withoutNul(String(id)).slice(0, LONGEST_ID) || undefined;
}

/** PostgreSQL's texts cannot hold it. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '');
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
