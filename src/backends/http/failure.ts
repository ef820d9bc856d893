import type { SendErrorCode } from '../../errors.ts';

/** Codes of errors after which the request cannot have been sent: there was no connection. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/**
 * What a call that got no whole answer says about the message. Everything but a failure to
 * connect is unknown: a reset or a time-out can come after the gateway took the message.
 */
export function codeOfFailure(error: unknown): SendErrorCode {
  return errorCodesOf(error).some((code) => NOT_CONNECTED.has(code))
    ? 'network_unreachable'
    : 'unknown_outcome';
}

/** The error's codes, its causes' too; several addresses of one name fail in an AggregateError. */
export function errorCodesOf(error: unknown, depth = 0): string[] {
  if (typeof error !== 'object' || error === null || depth > 5) return [];
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  if (Array.isArray(errors) && errors.length > 0) {
    // All attempts must have failed to connect for it to count as such.
    const each = errors.map((one) => errorCodesOf(one, depth + 1));
    return each.every((codes) => codes.some((one) => NOT_CONNECTED.has(one))) ? each.flat() : ['MIXED'];
  }
  return [...(typeof code === 'string' ? [code] : []), ...errorCodesOf(cause, depth + 1)];
}
