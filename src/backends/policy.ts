import { z } from 'zod';

const seconds = (what: string) => z.number().positive().describe(what);

/**
 * Settings that every backend has, whatever its type: how its work is batched, limited, retried
 * and recovered. Times are in seconds unless the name says otherwise.
 */
export const backendPolicySchema = z.strictObject({
  /** `e164`: identities are phone numbers, normalised and checked. `any`: any non-empty string. */
  identities: z.enum(['e164', 'any']).default('e164'),
  /** ISO 3166 country that numbers without + or 00 belong to, such as `US`; none: they are rejected. */
  defaultCountry: z
    .string()
    .regex(/^[A-Z]{2}$/, 'a two-letter country code such as "US"')
    .optional(),
  /** Transmissions a job and a call of `send` carry at the most. */
  batchSize: z.number().int().min(1).max(10_000).default(200),
  /** Calls of `send` under way at once, per worker. */
  concurrency: z.number().int().min(1).max(1_000).default(4),
  /** Segments a second over all workers; unlimited when left out. */
  segmentsPerSecond: z.number().positive().optional(),
  /** A call of `send` is aborted after this long, in milliseconds; what it has not reported is unknown. */
  timeoutMs: z.number().int().min(10).max(3_600_000).default(30_000),
  retry: z
    .strictObject({
      /** Tries in all, the first included. */
      attempts: z.number().int().min(1).max(100).default(5),
      baseSeconds: seconds('Wait before the first retry; doubles from then on, with jitter.').default(2),
      maxSeconds: seconds('No wait is longer than this.').default(900),
    })
    .prefault({}),
  /** What becomes of transmissions whose outcome a crash or time-out left unknown. */
  onUnknown: z.enum(['resend', 'hold']).default('resend'),
  /** A claim not renewed for this long belongs to a dead worker. */
  leaseSeconds: z.number().int().min(1).max(3_600).default(30),
  /** How long a throttled backend rests when the provider did not say. */
  throttleSeconds: seconds('Rest after a throttling answer without a Retry-After.').default(5),
});

export type BackendPolicy = z.output<typeof backendPolicySchema>;
export type BackendPolicyInput = z.input<typeof backendPolicySchema>;

/**
 * Transmissions per batch: `batchSize`, but no more than a second's worth of a limited backend, or a
 * reply would wait for the batches before it however urgent it is.
 */
export function batchSizeOf(policy: BackendPolicy): number {
  const { batchSize, segmentsPerSecond } = policy;
  return segmentsPerSecond === undefined
    ? batchSize
    : Math.max(1, Math.min(batchSize, Math.ceil(segmentsPerSecond)));
}
