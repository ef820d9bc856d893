import { describe, expect, it, vi } from 'vitest';
import type { SendResult } from '../../src/backends/backend.ts';
import { type HttpSettingsInput, httpSettingsSchema } from '../../src/backends/http/settings.ts';
import { type FakeGateway, fakeGateway } from './fake-gateway.ts';
import { backendFor, gatewayWith, send } from './gateway-setup.ts';
import { batch, batchOf, transmission } from './transmissions.ts';

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
    expect(gateway.calls[1]!.headers['x-text']).toBe('a&b=c "d" {identity} X-Evil: 1 ü %E6%B0%B4');
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

  it('loses no connection to a call that was aborted while it waited for one', async () => {
    const { backend, gateway } = await gatewayWith({ connections: 1 });
    let answer = () => {};
    gateway.react(async () => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return {};
    });
    const holding = send(backend, batch(1));
    await vi.waitFor(() => expect(gateway.calls).toHaveLength(1));
    const abort = new AbortController();
    const waiting = backend.send(batch(1), () => undefined, abort.signal);
    abort.abort();
    await waiting;
    gateway.react(() => ({}));
    answer();
    await holding;
    expect((await send(backend, batch(1))).results).toHaveLength(1);
  }, 5_000);

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
