import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { countTaken, readLedger } from '../../src/backends/simulator/ledger.ts';
import { Simulator } from '../../src/backends/simulator/simulator.ts';
import { started } from './simulator-setup.ts';
import { batch } from './transmissions.ts';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('its receipts', () => {
  it('come for their shares, by our id', async () => {
    const { send, hooks } = await started({ receipts: { deliveredShare: 0.7, undeliveredShare: 0.2 } });
    const whole = batch(1_000);
    await send(whole);
    await vi.waitFor(() => expect(hooks.receipts.length).toBeGreaterThan(850));
    const delivered = hooks.receipts.filter((receipt) => receipt.status === 'D').length;
    expect(delivered).toBeGreaterThan(640);
    expect(delivered).toBeLessThan(760);
    expect(hooks.receipts.find((receipt) => receipt.status === 'E')).toMatchObject({
      errorCode: 'undelivered',
    });
    const ids = new Set(whole.transmissions.map((each) => each.id));
    expect(hooks.receipts.every((receipt) => ids.has(receipt.transmissionId!))).toBe(true);
  });

  it('come by the id of the operator alone when told to, twice when told to', async () => {
    const { send, hooks } = await started({
      receipts: { deliveredShare: 1, by: 'external', duplicates: 1, intermediate: true },
    });
    const { results } = await send(batch(1));
    await vi.waitFor(() => expect(hooks.receipts).toHaveLength(4));
    const { externalId } = results[0] as { externalId: string };
    expect(
      hooks.receipts.every((each) => each.externalId === externalId && !('transmissionId' in each)),
    ).toBe(true);
    expect(hooks.receipts.map((each) => each.status).toSorted()).toEqual(['D', 'D', 'S', 'S']);
  });

  it('never come for a silent one', async () => {
    const { send, simulator } = await started({ silentShare: 1, receipts: { deliveredShare: 1 } });
    await send(batch(5));
    expect(simulator.pending).toBe(0);
  });

  it('are offered again when the hook fails', async () => {
    const { send, hooks } = await started({ receipts: { deliveredShare: 1 } });
    const take = hooks.receipt;
    let failures = 0;
    hooks.receipt = async (receipts) => {
      if (failures++ === 0) throw new Error('database down');
      await take(receipts);
    };
    await send(batch(1));
    await vi.waitFor(() => expect(hooks.receipts).toHaveLength(1), 2_000);
  });

  it('are dropped by stop(), or handed over at once when told to', async () => {
    for (const onStop of ['drop', 'flush'] as const) {
      const { send, hooks, simulator } = await started({
        onStop,
        receipts: { deliveredShare: 1, delayMs: { mean: 60_000 } },
      });
      await send(batch(10));
      expect(simulator.pending).toBe(10);
      await simulator.stop();
      expect(simulator.pending).toBe(0);
      expect(hooks.receipts).toHaveLength(onStop === 'drop' ? 0 : 10);
    }
  });
});

describe('its phones', () => {
  it('answer for their share, at most as often as allowed', async () => {
    const { send, hooks } = await started({ replies: { share: 0.5, texts: ['YES', 'NO'] } });
    await send(batch(200));
    await vi.waitFor(() => expect(hooks.received.length).toBeGreaterThan(70));
    const answers = hooks.received.length;
    expect(answers).toBeLessThan(130);
    expect(new Set(hooks.received.map((each) => each.text))).toEqual(new Set(['YES', 'NO']));
    expect(new Set(hooks.received.map((each) => each.externalId)).size).toBe(answers);
    await send(batch(200));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(hooks.received).toHaveLength(answers);
  });

  it('write when told to', async () => {
    const { simulator, hooks } = await started();
    const id = await simulator.simulatePhone('+12025550100', 'HELP');
    await simulator.simulatePhone('+12025550100', 'HELP', id);
    expect(hooks.received.map((each) => [each.text, each.externalId])).toEqual([
      ['HELP', id],
      ['HELP', id],
    ]);
    await expect(new Simulator().simulatePhone('+12025550100', 'HELP')).rejects.toThrow('not been started');
  });
});

describe('its ledger', () => {
  it('appends to a file across runs and leaves out a torn last line', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ledger-'));
    folders.push(folder);
    const file = join(folder, 'ledger.jsonl');
    const twice = batch(3);
    for (let run = 0; run < 2; run++) {
      const { send } = await started({
        ledger: { file },
        numbers: [{ match: '0002$', outcome: 'rejected' }],
      });
      await send(twice);
    }
    writeFileSync(file, '{"at":1,"id":"to', { flag: 'a' });
    const entries = readLedger(file);
    expect(entries).toHaveLength(6);
    const counts = countTaken(entries);
    expect(twice.transmissions.map((each) => counts.get(each.id))).toEqual([2, 2, undefined]);
  });

  it('keeps the newest and counts all', async () => {
    const { send, simulator } = await started({ ledger: { keep: 10 } });
    for (let call = 0; call < 20; call++) await send(batch(200));
    expect(simulator.ledger.entries).toHaveLength(10);
    expect(simulator.ledger.entries.at(-1)!.identity).toBe('+12025550199');
    expect(simulator.ledger.totals.taken).toBe(4_000);
  });
});
