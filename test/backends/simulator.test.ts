import { describe, expect, it, vi } from 'vitest';
import type { Batch, SendResult } from '../../src/backends/backend.ts';
import {
  type SimulatorSettingsInput,
  simulatorSettingsSchema,
} from '../../src/backends/simulator/settings.ts';
import { started } from './simulator-setup.ts';
import { batch, batchOf, transmission } from './transmissions.ts';

/** Outcome by number: what must be the same in a repeated run. */
async function fates(settings: SimulatorSettingsInput, order: (what: Batch) => Batch[]) {
  const { send } = await started(settings);
  const whole = batch(1_000);
  const identities = new Map(whole.transmissions.map((each) => [each.id, each.identity]));
  const fate = new Map<string, string>();
  for (const part of order(whole)) {
    for (const result of (await send(part)).results) {
      fate.set(
        identities.get(result.transmissionId)!,
        result.outcome === 'failed' ? result.code : result.outcome,
      );
    }
  }
  return fate;
}

describe('the simulated operator', () => {
  it('as it comes accepts 200 within the call, without a timer, each with its own id', async () => {
    const timer = vi.spyOn(globalThis, 'setTimeout');
    const { simulator } = await started();
    const results: SendResult[] = [];
    const sending = simulator.send(
      batch(200),
      (result) => void results.push(result),
      new AbortController().signal,
    );
    expect(results).toHaveLength(200);
    await sending;
    expect(timer).not.toHaveBeenCalled();
    timer.mockRestore();
    const ids = results.map((result) => (result.outcome === 'sent' ? result.externalId : ''));
    expect(new Set(ids).size).toBe(200);
  });

  it('gives two runs over one database different provider ids', async () => {
    const first = (await (await started()).send(batch(1))).results[0];
    const second = (await (await started()).send(batch(1))).results[0];
    expect(first).toHaveProperty('externalId');
    expect(first).not.toHaveProperty('externalId', (second as { externalId: string }).externalId);
  });

  it('fails its shares, and the same numbers whatever the batches and their order', async () => {
    const settings = { seed: 7, failures: { invalid_number: 0.1, provider_unavailable: 0.2 } };
    const inOne = await fates(settings, (whole) => [whole]);
    const backwards = await fates(settings, (whole) =>
      whole.transmissions.toReversed().map((each) => batchOf([each])),
    );
    expect(backwards).toEqual(inOne);
    const count = (code: string) => [...inOne.values()].filter((fate) => fate === code).length;
    expect(count('invalid_number')).toBeGreaterThan(60);
    expect(count('invalid_number')).toBeLessThan(140);
    expect(count('provider_unavailable')).toBeGreaterThan(150);
    expect(count('provider_unavailable')).toBeLessThan(250);
    expect(await fates({ ...settings, seed: 8 }, (whole) => [whole])).not.toEqual(inOne);
  });

  it('draws anew for each attempt', async () => {
    const { send } = await started({ failures: { provider_error: 0.5 } });
    const outcomes = [];
    for (let attempt = 1; attempt <= 20; attempt++) {
      outcomes.push((await send(batchOf([transmission(1, { attempt })]))).results[0]!.outcome);
    }
    expect(new Set(outcomes)).toEqual(new Set(['sent', 'failed']));
  });

  it('forces the fate of a number, also only for its first attempts', async () => {
    const { send } = await started({
      numbers: [
        { match: '0001$', outcome: 'landline' },
        { match: '0002$', outcome: 'throttled', attempts: 2 },
      ],
    });
    const codes = async (serial: number, attempt: number) =>
      (await send(batchOf([transmission(serial, { attempt })]))).results[0];
    expect(await codes(1, 9)).toMatchObject({ outcome: 'failed', code: 'landline' });
    expect(await codes(2, 2)).toMatchObject({ outcome: 'failed', code: 'throttled' });
    expect(await codes(2, 3)).toMatchObject({ outcome: 'sent' });
    expect(await codes(3, 1)).toMatchObject({ outcome: 'sent' });
  });

  it('hangs until aborted, having reported the others', async () => {
    const { send, simulator } = await started({ numbers: [{ match: '0003$', outcome: 'hang' }] });
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('too long')), 30);
    const { results, error } = await send(batch(5), abort.signal);
    expect(results).toHaveLength(4);
    expect(error).toEqual(new Error('too long'));
    expect(simulator.ledger.totals).toEqual({ handedOver: 5, taken: 5, refused: 0 });
  });

  it('stop() ends a hanging call', async () => {
    const { send, simulator } = await started({ hangShare: 1 });
    const sending = send(batch(1));
    await simulator.stop();
    expect((await sending).error?.message).toContain('stopped');
  });

  it('takes some and then throws: they are in its ledger and unreported', async () => {
    const { send, simulator } = await started({ numbers: [{ match: '000[01]$', outcome: 'unknown' }] });
    const whole = batch(5);
    const { results, error } = await send(whole);
    expect(results).toHaveLength(3);
    expect(error?.name).toBe('Error');
    for (const each of whole.transmissions) expect(simulator.ledger.count(each.id)).toBe(1);
  });

  it('reports ids that nobody gave it when told to', async () => {
    const { send } = await started({ garbageShare: 1 });
    const whole = batch(2);
    const known = new Set(whole.transmissions.map((each) => each.id));
    const { results } = await send(whole);
    expect(results.filter((result) => known.has(result.transmissionId))).toHaveLength(2);
    expect(results.filter((result) => !known.has(result.transmissionId))).toHaveLength(2);
  });

  it('throttles above its rate, by segments, and says how long to wait', async () => {
    const { send } = await started({ ratePerSecond: 10 });
    const { results } = await send(batch(8, { segments: 2 }));
    expect(results.filter((result) => result.outcome === 'sent')).toHaveLength(5);
    const throttled = results.filter((result) => result.outcome === 'failed');
    expect(throttled[0]).toMatchObject({ code: 'throttled', retryAfterMs: expect.any(Number) });
  });

  it('lets a text longer than its rate pass sooner or later', async () => {
    const { send } = await started({ ratePerSecond: 2 });
    const { results } = await send(batch(1, { segments: 5 }));
    expect(results[0]).toMatchObject({ outcome: 'sent' });
  });

  it('refuses what is past its validity', async () => {
    const { send } = await started();
    const { results } = await send(batch(1, { validUntil: new Date(Date.now() - 1) }));
    expect(results[0]).toMatchObject({ outcome: 'failed', code: 'expired' });
  });

  it('answers when its latency is over, quick ones first', async () => {
    const { send } = await started({ latencyMs: { mean: 40, spread: 30 } });
    const began = performance.now();
    const { results } = await send(batch(50));
    expect(performance.now() - began).toBeGreaterThan(40);
    expect(performance.now() - began).toBeLessThan(400);
    expect(results).toHaveLength(50);
  });

  it('fails whole calls during an outage, and none after it', async () => {
    const { simulator, send } = await started({ outage: 'auth_failed' });
    expect((await send(batch(3))).error).toMatchObject({ name: 'SendError', code: 'auth_failed' });
    expect(simulator.ledger.totals.handedOver).toBe(0);
    simulator.setOutage(undefined);
    expect((await send(batch(3))).results).toHaveLength(3);
  });
});

describe('its settings', () => {
  it.each([
    [{ failures: { invalid_number: 0.6, throttled: 0.5 } }, 'at most 1'],
    [{ failures: { wrong_code: 0.1 } }, 'wrong_code'],
    [{ numbers: [{ match: '(' }] }, 'not a regular expression'],
    [{ receipts: { deliveredShare: 0.8, undeliveredShare: 0.4 } }, 'at most 1'],
    [{ latency: 3 }, 'latency'],
  ])('rejects %j', (settings, words) => {
    const parsed = simulatorSettingsSchema.safeParse(settings);
    expect(parsed.success).toBe(false);
    expect(JSON.stringify(parsed.error?.issues)).toContain(words);
  });
});
