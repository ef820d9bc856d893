import { describe, expect, it } from 'vitest';
import type { Batch, SendResult } from '../../src/backends/backend.ts';
import { type PerMessageSender, perMessageBackend } from '../../src/backends/per-message.ts';
import { SendError } from '../../src/errors.ts';
import { batch, batchOf, transmission } from './transmissions.ts';

async function send(sender: PerMessageSender['send'], what: Batch) {
  const results = new Map<string, SendResult>();
  const error = await perMessageBackend({ send: sender })
    .send(what, (result) => void results.set(result.transmissionId, result), new AbortController().signal)
    .then(() => undefined)
    .catch((thrown: SendError) => thrown);
  const outcomes = what.transmissions.map(({ id }) => {
    const result = results.get(id);
    return result?.outcome === 'failed' ? result.code : result?.outcome;
  });
  return { results, error, outcomes };
}

describe('perMessageBackend', () => {
  it('calls once for each message and text, with all its identities', async () => {
    const calls: [string, string, readonly string[]][] = [];
    const what = batchOf([
      transmission(1),
      transmission(2, { text: 'other' }),
      transmission(3),
      transmission(4, { messageId: 'another' }),
    ]);
    const { outcomes } = await send(async (id, text, identities, context) => {
      calls.push([id, text, identities]);
      expect([...context.transmissionIds.keys()]).toEqual(identities);
    }, what);
    const [one, two, three, four] = what.transmissions;
    expect(calls).toEqual([
      [one!.messageId, one!.text, [one!.identity, three!.identity]],
      [two!.messageId, 'other', [two!.identity]],
      ['another', four!.text, [four!.identity]],
    ]);
    expect(outcomes).toEqual(['sent', 'sent', 'sent', 'sent']);
  });

  it('takes the failed identities of a SendError; the others were sent', async () => {
    const what = batch(3);
    const failedIdentities = [what.transmissions[1]!.identity];
    const { outcomes, error } = await send(async () => {
      throw new SendError('landline', 'no', { failedIdentities });
    }, what);
    expect(outcomes).toEqual(['sent', 'landline', 'sent']);
    expect(error).toBeUndefined();
  });

  it('takes a SendError without identities for the whole text, and goes on with the next', async () => {
    const what = batchOf([transmission(1, { text: 'a' }), transmission(2, { text: 'b' })]);
    const { outcomes } = await send(async (_id, text) => {
      if (text === 'a') throw new SendError('content_rejected', 'no');
    }, what);
    expect(outcomes).toEqual(['content_rejected', 'sent']);
  });

  it('calls the outcome unknown after any other exception', async () => {
    const what = batchOf([transmission(1, { text: 'a' }), transmission(2, { text: 'b' })]);
    const { outcomes, results } = await send(async (_id, text) => {
      if (text === 'a') throw new TypeError('socket gone');
    }, what);
    expect(outcomes).toEqual(['unknown_outcome', 'sent']);
    expect(results.get(what.transmissions[0]!.id)).toMatchObject({ message: 'socket gone' });
  });

  it('does not try the rest once throttled, and does not call sent what was never tried', async () => {
    const what = batchOf([transmission(1, { text: 'a' }), transmission(2, { text: 'b' })]);
    const failedIdentities = [what.transmissions[0]!.identity];
    const { outcomes, error } = await send(async () => {
      throw new SendError('throttled', 'slow down', { retryAfterMs: 500, failedIdentities });
    }, what);
    expect(outcomes).toEqual(['throttled', undefined]);
    expect(error).toMatchObject({ code: 'throttled', retryAfterMs: 500, failedIdentities: undefined });
  });

  it("passes the provider's ids on", async () => {
    const what = batch(2);
    const { results } = await send(async (_id, _text, [first]) => new Map([[first!, 'p-1']]), what);
    expect(results.get(what.transmissions[0]!.id)).toMatchObject({ externalId: 'p-1' });
    expect(results.get(what.transmissions[1]!.id)).not.toHaveProperty('externalId');
  });
});
