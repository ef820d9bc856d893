import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Backend, Batch, OutboundTransmission, SendResult } from '../../src/backends/backend.ts';
import { isSendErrorCode, SendError } from '../../src/errors.ts';
import { type RecordingHooks, recordingHooks } from './hooks.ts';
import { batch, batchOf, transmission } from './transmissions.ts';

/** How the other side behaves: takes all, refuses all in an orderly way, or never answers. */
export type Behaviour = 'accepting' | 'refusing' | 'hanging';

/** A text as the other side took it. */
export interface TakenText {
  readonly identity: string;
  readonly text: string;
}

export interface BackendUnderTest {
  readonly backend: Backend;
  /** All that the other side took so far, in any order. */
  taken(): readonly TakenText[];
  /** Changes how the other side behaves from now on. */
  behave(behaviour: Behaviour): void;
  /** Connections open at the other side, where there are any. */
  connections?(): Promise<number>;
  /** Closes the other side. */
  dispose?(): Promise<void>;
}

export interface ConformanceOptions {
  /** A call settles within this after its signal was aborted, in milliseconds. */
  readonly abortWithinMs?: number;
}

/**
 * What every backend must do, whatever is behind it: the contract of `Backend` and what the worker
 * relies on. Call it in a `.test.ts` of the backend.
 *
 * @param create a new backend, not started, and its other side, accepting
 */
export function describeBackend(
  name: string,
  create: () => Promise<BackendUnderTest>,
  { abortWithinMs = 500 }: ConformanceOptions = {},
): void {
  const cleanUp: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const step of cleanUp.splice(0).toReversed()) await step();
  });

  async function started(behaviour: Behaviour = 'accepting') {
    const tested = await create();
    const hooks: RecordingHooks = recordingHooks();
    cleanUp.push(async () => tested.dispose?.());
    tested.behave(behaviour);
    await tested.backend.start?.(hooks);
    let stopped: Promise<void> | undefined;
    const stop = async () => {
      stopped ??= tested.backend.stop?.() ?? Promise.resolve();
      await stopped;
    };
    cleanUp.push(stop);
    return { ...tested, hooks, stop };
  }

  /** Sends and checks what holds for every call: own ids only, none twice, known codes. */
  async function send(backend: Backend, what: Batch, signal = new AbortController().signal) {
    const results = new Map<string, SendResult>();
    const own = new Set(what.transmissions.map((each) => each.id));
    const wrong: string[] = [];
    let settled = false;
    const report = (result: SendResult) => {
      if (settled) wrong.push(`${result.transmissionId} reported after the call had settled`);
      if (!own.has(result.transmissionId)) wrong.push(`${result.transmissionId} is not of this batch`);
      if (results.has(result.transmissionId)) wrong.push(`${result.transmissionId} reported twice`);
      if (result.outcome === 'failed' && !isSendErrorCode(result.code)) wrong.push(`code ${result.code}`);
      results.set(result.transmissionId, result);
    };
    let error: unknown;
    try {
      await backend.send(what, report, signal);
    } catch (thrown) {
      error = thrown;
    }
    settled = true;
    expect(wrong).toEqual([]);
    return { results, error };
  }

  const texts = (transmissions: readonly OutboundTransmission[]) =>
    transmissions.map(({ identity, text }) => `${identity} ${text}`).toSorted();

  describe(`${name} as a backend`, () => {
    it.each([1, 200])('reports each of %i as sent, handed over once', async (size) => {
      const { backend, taken } = await started();
      const whole = batch(size);
      const { results, error } = await send(backend, whole);
      expect(error).toBeUndefined();
      expect(results.size).toBe(size);
      expect([...results.values()].filter((result) => result.outcome !== 'sent')).toEqual([]);
      expect(texts(taken() as OutboundTransmission[])).toEqual(texts(whole.transmissions));
    });

    it('gives each transmission a provider id of its own, where it gives any', async () => {
      const { backend } = await started();
      const { results } = await send(backend, batch(50));
      const ids = [...results.values()].flatMap((result) =>
        result.outcome === 'sent' && result.externalId !== undefined ? [result.externalId] : [],
      );
      expect(new Set(ids).size).toBe(ids.length);
    });

    it('hands over texts unchanged: mixed in a batch, in all scripts, with signs that need escaping', async () => {
      const { backend, taken } = await started();
      const samples = [
        'plain',
        '100% & more = "quotes" + plus; {identity} {text}',
        "O'Hara\\n <b>\u00a0 € ~ [ok] #1?",
        'Привет, мир',
        '水が止まります',
        '👩‍👩‍👧 🇺🇬 👍🏽',
        'two\nlines',
        'مرحبا',
      ];
      const mixed = batchOf(
        samples.flatMap((text, at) => [
          transmission(at * 2, { text, messageId: messageId(at) }),
          transmission(at * 2 + 1, { text, messageId: messageId(at) }),
        ]),
      );
      const { results } = await send(backend, mixed);
      expect([...results.values()].map((result) => result.outcome)).toEqual(
        samples.flatMap(() => ['sent', 'sent']),
      );
      expect(texts(taken() as OutboundTransmission[])).toEqual(texts(mixed.transmissions));
    });

    it('keeps concurrent calls apart', async () => {
      const { backend, taken } = await started();
      const batches = [0, 1, 2, 3].map((call) =>
        batchOf(Array.from({ length: 50 }, (_, at) => transmission(call * 50 + at))),
      );
      const calls = await Promise.all(batches.map((each) => send(backend, each)));
      for (const { results, error } of calls) {
        expect(error).toBeUndefined();
        expect(results.size).toBe(50);
      }
      expect(texts(taken() as OutboundTransmission[])).toEqual(
        texts(batches.flatMap((each) => each.transmissions)),
      );
    });

    it('does not hand over what is past its validity', async () => {
      const { backend, taken } = await started();
      const late = transmission(1, { validUntil: new Date(Date.now() - 1_000) });
      const fresh = transmission(2, { validUntil: new Date(Date.now() + 600_000) });
      const { results } = await send(backend, batchOf([late, fresh]));
      expect(results.get(late.id)).toMatchObject({ outcome: 'failed', code: 'expired' });
      expect(results.get(fresh.id)).toMatchObject({ outcome: 'sent' });
      expect(taken()).toHaveLength(1);
    });

    it('tells a refusal by code, for each or by a SendError for the rest; nothing is unknown', async () => {
      const { backend, taken } = await started('refusing');
      const whole = batch(30);
      const { results, error } = await send(backend, whole);
      if (results.size < 30) {
        expect(error).toBeInstanceOf(SendError);
        expect((error as SendError).code).not.toBe('unknown_outcome');
      }
      for (const result of results.values()) {
        expect(result).toMatchObject({
          outcome: 'failed',
          code: expect.not.stringMatching('unknown_outcome'),
        });
      }
      expect(taken()).toEqual([]);
    });

    it('sends again after a call that failed', async () => {
      const { backend, behave, taken } = await started('refusing');
      await send(backend, batch(5));
      behave('accepting');
      const { results, error } = await send(backend, batch(5));
      expect(error).toBeUndefined();
      expect([...results.values()].map((result) => result.outcome)).toEqual(Array(5).fill('sent'));
      expect(taken()).toHaveLength(5);
    });

    it(`settles within ${abortWithinMs} ms of the abort; what may have been taken is unknown`, async () => {
      const { backend, behave, taken } = await started('hanging');
      const abort = new AbortController();
      let abortedAt = 0;
      setTimeout(() => {
        abortedAt = performance.now();
        abort.abort(new Error('timeout'));
      }, 100);
      const whole = batch(60);
      const { results } = await send(backend, whole, abort.signal);
      expect(abortedAt).toBeGreaterThan(0);
      expect(performance.now() - abortedAt).toBeLessThan(abortWithinMs);
      for (const result of results.values()) {
        if (result.outcome === 'sent') throw new Error(`${result.transmissionId} was reported as sent`);
        if (result.code === 'unknown_outcome') continue;
        // Called not handed over: then the other side must not have it.
        const { identity } = whole.transmissions.find((each) => each.id === result.transmissionId)!;
        expect(taken().some((each) => each.identity === identity)).toBe(false);
      }
      behave('accepting');
      expect((await send(backend, batch(3))).results.size).toBe(3);
    });

    it('hands nothing over when the signal is aborted already', async () => {
      const { backend, taken } = await started();
      const { results } = await send(backend, batch(3), AbortSignal.abort(new Error('stopping')));
      expect([...results.values()].filter((result) => result.outcome === 'sent')).toEqual([]);
      expect(taken()).toEqual([]);
    });

    it('stop() ends what hangs, and leaves neither timers nor connections', async () => {
      const timers = timersRunning();
      const { backend, behave, stop, connections } = await started();
      await send(backend, batch(20));
      behave('hanging');
      const hanging = send(backend, batch(3));
      await new Promise((resolve) => setTimeout(resolve, 50));
      const began = performance.now();
      await stop();
      await hanging;
      expect(performance.now() - began).toBeLessThan(1_000);
      if (connections !== undefined) await vi.waitFor(async () => expect(await connections()).toBe(0));
      await vi.waitFor(() => expect(timersRunning()).toBeLessThanOrEqual(timers + 1));
    });

    it('refuses after stop() with a SendError that lets the texts be sent by another process', async () => {
      const { backend, stop, taken } = await started();
      await stop();
      const { results, error } = await send(backend, batch(2));
      expect(results.size).toBe(0);
      expect(error).toBeInstanceOf(SendError);
      expect(error).toMatchObject({ code: 'network_unreachable' });
      expect(taken()).toEqual([]);
    });
  });
}

function messageId(serial: number): string {
  return `01900000-0000-7000-8000-${String(serial).padStart(12, '0')}`;
}

/** Timers that keep the process alive. */
function timersRunning(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}
