import { describe, expect, it } from 'vitest';
import { backendPolicySchema } from '../../src/backends/policy.ts';
import { SEND_ERRORS, SendError, type SendErrorCode } from '../../src/errors.ts';
import { RateLimiter, Semaphore } from '../../src/worker/limiter.ts';
import { backoffSeconds, judge, leftoverResult } from '../../src/worker/retry.ts';

const policy = backendPolicySchema.parse({
  retry: { attempts: 3, baseSeconds: 2, maxSeconds: 60 },
  throttleSeconds: 7,
});
const hold = backendPolicySchema.parse({ onUnknown: 'hold' });
const transmission = (attempt = 1) => ({
  id: 't',
  messageId: 'm',
  identity: 'x',
  text: 'hi',
  segments: 1,
  attempt,
  priority: 0,
  validUntil: undefined,
  inResponseTo: undefined,
  fields: {},
});
const judged = (code: SendErrorCode, attempt = 1, how = policy, retryAfterMs?: number) =>
  judge(
    {
      transmissionId: 't',
      outcome: 'failed',
      code,
      message: 'why',
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
    transmission(attempt),
    'token',
    { id: 1, policy: how, correlate: true },
  );

describe('what follows from an error', () => {
  const codes = Object.keys(SEND_ERRORS) as SendErrorCode[];

  it.each(codes)('%s ends as its class says', (code) => {
    const { outcome, pause } = judged(code);
    const expected = {
      permanent: { status: 'E', retries: false, pauses: false },
      retry: { status: 'E', retries: true, pauses: false },
      unknown: { status: 'E', retries: true, pauses: false },
      throttle: { status: 'Q', retries: true, pauses: true },
      pause: { status: 'Q', retries: true, pauses: true },
    }[SEND_ERRORS[code].class];
    expect({
      status: outcome.status,
      retries: outcome.retrySeconds !== undefined,
      pauses: pause !== undefined,
    }).toEqual(expected);
  });

  it('gives up at the last attempt, as a dead letter', () => {
    expect(judged('provider_error', 2).outcome).toMatchObject({
      status: 'E',
      retrySeconds: expect.any(Number),
    });
    expect(judged('provider_error', 3).outcome).toMatchObject({ status: 'E', dead: true });
    expect(judged('provider_error', 3).outcome.retrySeconds).toBeUndefined();
  });

  it('holds an unknown outcome when told to', () => {
    expect(judged('unknown_outcome', 1, hold).outcome).toMatchObject({ status: 'E', dead: true });
  });

  it('waits at least as long as the provider asked', () => {
    expect(judged('queue_full', 1, policy, 90_000).outcome.retrySeconds).toBe(90);
    expect(judged('throttled', 1, policy, 3_000).pause?.seconds).toBe(3);
    expect(judged('throttled').pause?.seconds).toBe(7);
    expect(judged('auth_failed').pause?.seconds).toBeUndefined();
  });

  it('takes what was not reported from how the call ended', () => {
    expect(leftoverResult(transmission(), new Error('reset'))).toMatchObject({
      code: 'unknown_outcome',
      message: 'reset',
    });
    expect(leftoverResult(transmission(), undefined)).toMatchObject({ code: 'unknown_outcome' });
    expect(leftoverResult(transmission(), new SendError('rejected', 'no'))).toMatchObject({
      code: 'rejected',
    });
    const named = new SendError('rejected', 'no', { failedIdentities: ['y'] });
    expect(leftoverResult(transmission(), named)).toEqual({ transmissionId: 't', outcome: 'sent' });
  });
});

describe('backoff', () => {
  it('doubles, stays between half and whole of it, and has a ceiling', () => {
    const waits = [1, 2, 3, 4, 5, 6, 40].map((attempt) => [
      backoffSeconds(attempt, policy.retry, () => 0),
      backoffSeconds(attempt, policy.retry, () => 1),
    ]);
    expect(waits).toEqual([
      [1, 2],
      [2, 4],
      [4, 8],
      [8, 16],
      [16, 32],
      [30, 60],
      [30, 60],
    ]);
  });
});

describe('RateLimiter', () => {
  /** A limiter whose time passes only by waiting. */
  async function elapsed(perSecond: number, requests: number[]): Promise<number> {
    const start = performance.now();
    const limiter = new RateLimiter(perSecond);
    const { signal } = new AbortController();
    for (const units of requests) await limiter.take(units, signal);
    return performance.now() - start;
  }

  it('lets a second’s worth through at once and holds back the rest', async () => {
    expect(await elapsed(100, [100])).toBeLessThan(50);
    const held = await elapsed(100, [100, 30]);
    expect(held).toBeGreaterThan(280);
    expect(held).toBeLessThan(1_000);
  });

  it('lets a request larger than its burst through whole, and makes the next one wait for it', async () => {
    expect(await elapsed(50, [75])).toBeLessThan(50);
    expect(await elapsed(50, [75, 1])).toBeGreaterThan(480);
  });

  it('stops waiting when told to', async () => {
    const abort = new AbortController();
    const limiter = new RateLimiter(1);
    await limiter.take(1, abort.signal);
    const waiting = limiter.take(1, abort.signal);
    abort.abort();
    expect(await waiting).toBe(false);
  });
});

describe('Semaphore', () => {
  it('lets so many run at a time, in order', async () => {
    const semaphore = new Semaphore(2);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    await Promise.all(
      [0, 1, 2, 3, 4].map((n) =>
        semaphore.run(async () => {
          running += 1;
          most = Math.max(most, running);
          order.push(n);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
        }),
      ),
    );
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });
});
