import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Backend, Batch, SendResult } from '../../src/backends/backend.ts';
import { retryAfterOf } from '../../src/backends/http/answer.ts';
import { createHttpBackend } from '../../src/backends/http/http.ts';
import { type HttpSettingsInput, httpSettingsSchema } from '../../src/backends/http/settings.ts';
import type { SendError } from '../../src/errors.ts';
import { type FakeGateway, fakeGateway, type GatewayReaction } from './fake-gateway.ts';
import { batch, batchOf, transmission } from './transmissions.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function gatewayWith(settings: Partial<HttpSettingsInput> = {}, reaction: GatewayReaction = {}) {
  const gateway = await fakeGateway(() => reaction);
  closing.push(gateway.close);
  return { gateway, backend: backendFor(gateway.origin, settings) };
}

function backendFor(origin: string, settings: Partial<HttpSettingsInput> = {}) {
  const backend = createHttpBackend({ url: `${origin}/send`, query: { to: '{identity}' }, ...settings });
  closing.push(() => backend.stop());
  return backend;
}

async function send(backend: Backend, what: Batch) {
  const results: SendResult[] = [];
  const error = await backend
    .send(what, (result) => void results.push(result), new AbortController().signal)
    .then(() => undefined)
    .catch((thrown: SendError) => thrown);
  return { results, error };
}

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

describe('requests', () => {
  const hostile = transmission(1, {
    text: 'a&b=c "d" {identity}\r\nX-Evil: 1 ü 水',
    context: {
      inResponseTo: 'in-1',
      fields: { campaign: 'spring', media: { url: 'http://x.example/a.png' } },
    },
  });

  async function requestOf(settings: Partial<HttpSettingsInput>, what = hostile) {
    const { backend, gateway } = await gatewayWith(settings);
    await send(backend, batchOf([what]));
    return (gateway as FakeGateway).calls[0]!;
  }

  it('fills query and form, each escaped for its place', async () => {
    const query = await requestOf({ method: 'GET', query: { to: '{identity}', text: '{text}', n: 3 } });
    expect(query.method).toBe('GET');
    expect(Object.fromEntries(query.query)).toEqual({ to: hostile.identity, text: hostile.text, n: '3' });
    const form = await requestOf({ form: { text: 'Re: {text}', campaign: '{fields.campaign}' } });
    expect(Object.fromEntries(new URLSearchParams(form.body))).toEqual({
      text: `Re: ${hostile.text}`,
      campaign: 'spring',
    });
    expect(form.headers['content-type']).toBe('application/x-www-form-urlencoded');
  });

  it('fills JSON, where a placeholder alone keeps its type', async () => {
    const { body, headers } = await requestOf({
      json: {
        to: ['{identity}'],
        text: '{text}',
        segments: '{segments}',
        label: 'n={segments}',
        media: '{fields.media}',
        reply: '{inResponseTo}',
        missing: '{fields.nothing}',
        fixed: { yes: true, none: null },
      },
    });
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({
      to: [hostile.identity],
      text: hostile.text,
      segments: 1,
      label: 'n=1',
      media: { url: 'http://x.example/a.png' },
      reply: 'in-1',
      fixed: { yes: true, none: null },
    });
  });

  it('fills path and headers so that a text cannot get out of its place', async () => {
    const { backend, gateway } = await gatewayWith({ headers: { 'X-Text': '{text}' } });
    const inPath = backendFor(gateway.origin, {
      url: `${gateway.origin}/to/{identity}/send?t={text}`,
      query: {},
    });
    await send(inPath, batchOf([{ ...hostile, identity: '../admin?x=1' }]));
    expect(gateway.calls[0]!.path).toBe('/to/..%2Fadmin%3Fx%3D1/send');
    expect(gateway.calls[0]!.query.get('t')).toBe(hostile.text);
    await send(backend, batchOf([hostile]));
    expect(gateway.calls[1]!.headers['x-evil']).toBeUndefined();
    expect(gateway.calls[1]!.headers['x-text']).toContain('a&b=c');
  });

  it('leaves out a parameter that has no value', async () => {
    const { query } = await requestOf(
      { query: { to: '{identity}', reply_to: '{inResponseTo}', from: '{from}' } },
      transmission(1),
    );
    expect([...query.keys()]).toEqual(['to']);
  });

  it('authenticates', async () => {
    const basic = await requestOf({ auth: { username: 'ann', password: 'pä:ss' } });
    expect(basic.headers.authorization).toBe(`Basic ${Buffer.from('ann:pä:ss').toString('base64')}`);
    const bearer = await requestOf({ auth: { bearer: 'tok' } });
    expect(bearer.headers.authorization).toBe('Bearer tok');
  });

  it('never has more calls under way than connections, over all batches', async () => {
    const { backend, gateway } = await gatewayWith({ connections: 3 });
    gateway.react(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return {};
    });
    const both = await Promise.all([send(backend, batch(20)), send(backend, batch(20))]);
    expect(both.map(({ results }) => results.length)).toEqual([20, 20]);
    expect(gateway.peak()).toBe(3);
  });

  it('reports each as soon as it is answered', async () => {
    const { backend, gateway } = await gatewayWith();
    gateway.react(({ query }) => (query.get('to')?.endsWith('0000') ? 'hang' : {}));
    const abort = new AbortController();
    const results: SendResult[] = [];
    const report = (result: SendResult) => {
      results.push(result);
      if (results.length === 4) abort.abort();
    };
    await backend.send(batch(5), report, abort.signal);
    expect(results.filter((result) => result.outcome === 'sent')).toHaveLength(4);
  });

  it('puts the recipients of one text into one call in bulk, and no others', async () => {
    const { backend, gateway } = await gatewayWith({
      query: { to: '{identities}', text: '{text}' },
      bulk: { joiner: ' ', max: 3 },
    });
    const personal = transmission(99, { text: 'for you alone' });
    const { results } = await send(backend, batchOf([...batch(5).transmissions, personal]));
    expect(results).toHaveLength(6);
    const recipients = gateway.calls.map(({ query }) => query.get('to')!.split(' ').length);
    expect(recipients.toSorted()).toEqual([1, 2, 3]);
  });
});

describe('secrets', () => {
  it('are in no error message, even when the gateway echoes them', async () => {
    const secrets = { password: 'pa ss&wörd', key: 'K3Y-in-query', token: 'header-token' };
    const { backend, gateway } = await gatewayWith({
      auth: { username: 'ann', password: secrets.password },
      query: { to: '{identity}', api_key: secrets.key },
      headers: { 'X-Auth-Token': secrets.token },
    });
    gateway.react(({ headers, query }) => ({
      status: 400,
      body: [
        headers.authorization,
        headers['x-auth-token'],
        query.toString(),
        secrets.password,
        encodeURIComponent(secrets.password),
        new URLSearchParams({ p: secrets.password }),
      ].join(' '),
    }));
    const [result] = (await send(backend, batch(1))).results;
    const { message } = result as { message: string };
    const encoded = Buffer.from(`ann:${secrets.password}`).toString('base64');
    for (const secret of [
      ...Object.values(secrets),
      encoded,
      encodeURIComponent(secrets.password),
      'w%C3%B6rd',
    ]) {
      expect(message).not.toContain(secret);
    }
    expect(message).toMatch(/^HTTP 400: .*\*\*\*/);
  });

  it('are not in the message when nobody listens', async () => {
    const unused = await fakeGateway();
    await unused.close();
    const backend = backendFor(unused.origin, { query: { to: '{identity}', password: 'hunter22' } });
    const { results, error } = await send(backend, batch(2));
    expect(JSON.stringify(results) + error?.message).not.toContain('hunter22');
  });

  it('are refused in the address, where they would be shown', () => {
    expect(httpSettingsSchema.safeParse({ url: 'http://ann:pw@127.0.0.1/{identity}' }).success).toBe(false);
  });
});

describe('settings', () => {
  it.each([
    [{ url: 'ftp://127.0.0.1/{identity}' }, 'https://gateway.example'],
    [{ url: 'http://127.0.0.1/' }, 'appears nowhere'],
    [{ url: 'http://{identity}.example/' }, 'host name'],
    [{ url: 'http://127.0.0.1/', query: { to: '{number}' } }, '{number} is not known'],
    [{ url: 'http://127.0.0.1/{identity}', bulk: {} }, 'not known in bulk'],
    [{ url: 'http://127.0.0.1/{identity}', form: {}, json: {} }, 'not both'],
    [{ url: 'http://127.0.0.1/{identity}', method: 'GET', form: {} }, 'no body'],
    [{ url: 'http://127.0.0.1/{identity}', errors: [{ code: 'rejected' }] }, 'give status'],
    [{ url: 'http://127.0.0.1/{identity}', success: { bodyMatches: '(' } }, 'regular expression'],
    [{ url: 'http://127.0.0.1/{identity}', headers: { 'a b': 'x' } }, 'name of a header'],
    [{ url: 'http://127.0.0.1/{identity}', maxPerSecond: 1 }, 'maxPerSecond'],
  ])('rejects %j', (settings, words) => {
    const parsed = httpSettingsSchema.safeParse(settings);
    expect(parsed.success).toBe(false);
    expect(parsed.error!.issues.map((issue) => JSON.stringify(issue)).join(' ')).toContain(words);
  });
});
