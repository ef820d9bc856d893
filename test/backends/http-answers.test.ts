import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { SendResult } from '../../src/backends/backend.ts';
import { retryAfterOf } from '../../src/backends/http/answer.ts';
import { fakeGateway } from './fake-gateway.ts';
import { backendFor, closing, gatewayWith, send } from './gateway-setup.ts';
import { batch } from './transmissions.ts';

describe('what an answer means', () => {
  it.each([
    [200, {}, 'sent'],
    [202, {}, 'sent'],
    [204, {}, 'unknown_outcome'],
    [302, {}, 'misconfigured'],
    [400, {}, 'rejected'],
    [401, {}, 'auth_failed'],
    [402, {}, 'account_suspended'],
    [403, {}, 'auth_failed'],
    [404, {}, 'misconfigured'],
    [408, {}, 'unknown_outcome'],
    [409, {}, 'rejected'],
    [413, {}, 'message_too_long'],
    [422, {}, 'rejected'],
    [429, {}, 'throttled'],
    [500, {}, 'unknown_outcome'],
    [500, { 'retry-after': '1' }, 'unknown_outcome'],
    [502, {}, 'unknown_outcome'],
    [503, {}, 'unknown_outcome'],
    [503, { 'retry-after': '7' }, 'provider_unavailable'],
    [504, {}, 'unknown_outcome'],
  ])('status %i with %j: %s', async (status, headers, expected) => {
    const { backend } = await gatewayWith({}, { status, headers });
    const { results } = await send(backend, batch(1));
    const [result] = results;
    expect(result?.outcome === 'failed' ? result.code : result?.outcome).toBe(expected);
  });

  it('takes Retry-After in seconds or as a date', () => {
    expect(retryAfterOf('7')).toBe(7_000);
    expect(retryAfterOf('Wed, 21 Oct 2026 07:28:30 GMT', Date.UTC(2026, 9, 21, 7, 28))).toBe(30_000);
    expect(retryAfterOf('Wed, 21 Oct 2026 07:28:00 GMT', Date.UTC(2026, 9, 21, 8))).toBe(0);
    expect(retryAfterOf('soon')).toBeUndefined();
    expect(retryAfterOf('999999999')).toBe(86_400_000);
  });

  it('stops the batch when throttled; the rest is not tried and told how long to wait', async () => {
    const { backend, gateway } = await gatewayWith(
      { connections: 2 },
      { status: 429, headers: { 'retry-after': '3' } },
    );
    const { results, error } = await send(backend, batch(50));
    expect(gateway.calls.length).toBeLessThanOrEqual(2);
    expect(results.length).toBe(gateway.calls.length);
    expect(error).toMatchObject({ name: 'SendError', code: 'throttled', retryAfterMs: 3_000 });
  });

  it('goes on after refusals that are about one text only', async () => {
    const { backend, gateway } = await gatewayWith();
    gateway.react(({ query }) => ({ status: query.get('to')?.endsWith('3') ? 400 : 200 }));
    const { results, error } = await send(backend, batch(20));
    expect(error).toBeUndefined();
    expect(results.filter((result) => result.outcome === 'failed')).toHaveLength(2);
    expect(results).toHaveLength(20);
  });

  it('follows rules of the settings before everything else', async () => {
    const { backend } = await gatewayWith(
      {
        errors: [
          { status: 200, bodyMatches: 'opted out', code: 'opted_out' },
          { status: '5xx', bodyMatches: 'busy', code: 'provider_error' },
        ],
      },
      { status: 200, body: 'ERR: opted out' },
    );
    expect((await send(backend, batch(1))).results[0]).toMatchObject({ code: 'opted_out' });
    const busy = await gatewayWith({
      errors: [{ status: '5xx', bodyMatches: 'busy', code: 'provider_error' }],
    });
    busy.gateway.react(() => ({ status: 502, body: 'busy' }));
    expect((await send(busy.backend, batch(1))).results[0]).toMatchObject({ code: 'provider_error' });
  });

  it('does not take a 200 for a success whose body says otherwise', async () => {
    const { backend } = await gatewayWith({ success: { bodyMatches: '^OK' } }, { body: 'ERROR 12' });
    expect((await send(backend, batch(1))).results[0]).toMatchObject({
      code: 'rejected',
      message: 'HTTP 200: ERROR 12',
    });
  });

  it.each([
    [{ json: 'messages.0.id' }, { body: '{"messages":[{"id":12345}]}' }, '12345'],
    [{ json: 'id' }, { body: 'not json' }, undefined],
    [{ regex: 'ID: (\\w+)' }, { body: 'OK ID: abc9' }, 'abc9'],
    [{ regex: '\\d+' }, { body: 'OK 77' }, '77'],
    [{ header: 'X-Message-Id' }, { headers: { 'x-message-id': 'h1' } }, 'h1'],
  ])("finds the provider's id by %j", async (externalId, answer, expected) => {
    const { backend } = await gatewayWith({ externalId }, answer);
    const [result] = (await send(backend, batch(1))).results;
    expect(result).toMatchObject({ outcome: 'sent' });
    expect((result as { externalId?: string }).externalId).toBe(expected);
  });
});

describe('when no answer comes', () => {
  it('nobody listens: nothing was handed over, and one try is enough to know', async () => {
    const unused = await fakeGateway();
    await unused.close();
    const { results, error } = await send(backendFor(unused.origin, { connections: 1 }), batch(20));
    expect(results).toHaveLength(1);
    expect(results[0]).toMatchObject({ code: 'network_unreachable' });
    expect(error).toMatchObject({ name: 'SendError', code: 'network_unreachable' });
  });

  it('a name that does not exist: nothing was handed over', async () => {
    const { results } = await send(backendFor('http://gateway.invalid'), batch(1));
    expect(results[0]).toMatchObject({ code: 'network_unreachable' });
  });

  it('the connection breaks after the request: unknown', async () => {
    const { backend, gateway } = await gatewayWith({}, 'reset');
    const { results, error } = await send(backend, batch(3));
    expect(results.map((result) => result.outcome === 'failed' && result.code)).toEqual(
      Array(3).fill('unknown_outcome'),
    );
    expect(error).toBeUndefined();
    expect(gateway.calls).toHaveLength(3);
  });

  it('the gateway takes too long: unknown', async () => {
    const { backend } = await gatewayWith({ answerTimeoutMs: 200 }, 'hang');
    expect((await send(backend, batch(1))).results[0]).toMatchObject({ code: 'unknown_outcome' });
  });

  it('the other side does not speak HTTP: unknown', async () => {
    const server = createServer((socket) => socket.resume().end('SSH-2.0-OpenSSH\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => server.close(() => resolve())));
    const { port } = server.address() as { port: number };
    const { results } = await send(backendFor(`http://127.0.0.1:${port}`), batch(1));
    expect(results[0]).toMatchObject({ code: 'unknown_outcome' });
  });

  it('aborted: what waited for its turn is known not to be handed over', async () => {
    const { backend, gateway } = await gatewayWith({ connections: 2 }, 'hang');
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    const results: SendResult[] = [];
    await backend.send(batch(10), (result) => void results.push(result), abort.signal);
    const codes = results.map((result) => (result.outcome === 'failed' ? result.code : 'sent'));
    expect(codes.filter((code) => code === 'unknown_outcome')).toHaveLength(2);
    expect(codes.filter((code) => code === 'network_unreachable')).toHaveLength(8);
    expect(gateway.calls).toHaveLength(2);
  });
});
