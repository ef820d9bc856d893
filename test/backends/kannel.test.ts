import { afterEach, describe, expect, it } from 'vitest';
import type { OutboundTransmission, SendResult } from '../../src/backends/backend.ts';
import { createKannelBackend, type KannelSettingsInput } from '../../src/backends/http/kannel.ts';
import { fakeGateway, type GatewayReaction } from './fake-gateway.ts';
import { batchOf, transmission } from './transmissions.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function sendOne(
  settings: Partial<KannelSettingsInput> = {},
  what: Partial<OutboundTransmission> = {},
  reaction: GatewayReaction = { status: 202, body: '0: Accepted for delivery' },
) {
  const gateway = await fakeGateway(() => reaction);
  closing.push(gateway.close);
  const url = `${gateway.origin}/cgi-bin/sendsms`;
  const backend = createKannelBackend({ url, username: 'tester', password: 'foo+bär', ...settings });
  closing.push(() => backend.stop());
  const sent = transmission(1, what);
  const results: SendResult[] = [];
  await backend.send(batchOf([sent]), (result) => void results.push(result), new AbortController().signal);
  return { sent, backend, call: gateway.calls[0]!, result: results[0] };
}

describe('Kannel', () => {
  it('is asked for sendsms with the documented parameters', async () => {
    const { call, sent } = await sendOne(
      { from: '5550', smsc: 'mtn', account: 'health', parameters: { mclass: '0' } },
      { priority: 7, validUntil: new Date(Date.now() + 90.5 * 60_000) },
    );
    expect(call.method).toBe('GET');
    expect(call.path).toBe('/cgi-bin/sendsms');
    expect(Object.fromEntries(call.query)).toEqual({
      username: 'tester',
      password: 'foo+bär',
      to: sent.identity,
      from: '5550',
      text: sent.text,
      charset: 'UTF-8',
      coding: '0',
      smsc: 'mtn',
      account: 'health',
      priority: '3',
      validity: '90',
      mclass: '0',
    });
  });

  it('is told coding 2 for a text beyond GSM-7, and only then', async () => {
    expect((await sendOne({}, { text: 'Привет' })).call.query.get('coding')).toBe('2');
    expect((await sendOne({}, { text: 'añ€{}' })).call.query.get('coding')).toBe('0');
  });

  it('is asked for receipts that carry our id when it knows where to', async () => {
    const dlrUrl = 'http://127.0.0.1:8000/kannel?id={transmissionId}&type=%d&answer=%A';
    const { call, sent, backend } = await sendOne({ dlrUrl });
    expect(call.query.get('dlr-mask')).toBe('31');
    expect(call.query.get('dlr-url')).toBe(`http://127.0.0.1:8000/kannel?id=${sent.id}&type=%d&answer=%A`);
    expect(backend.receiptsBy).toBe('transmission');
    expect((await sendOne()).call.query.has('dlr-mask')).toBe(false);
  });

  it.each([
    [202, '0: Accepted for delivery', 'sent'],
    [202, '3: Queued for later delivery', 'sent'],
    [200, 'Sent.', 'sent'],
    [202, '4: whatever', 'rejected'],
    [403, 'Authorization failed for sendsms', 'auth_failed'],
    [403, 'Not routable. Do not try again.', 'unroutable'],
    [403, 'Number(s) has/have been denied by white- and/or black-lists.', 'unroutable'],
    [400, 'Missing receiver number, rejected', 'invalid_number'],
    [400, 'Sender missing and no global set, rejected', 'misconfigured'],
    [400, 'UDH field misformed, rejected', 'content_rejected'],
    [503, 'Temporal failure, try again later.', 'provider_unavailable'],
    [404, 'Unknown request.', 'misconfigured'],
    [500, '', 'unknown_outcome'],
  ])('answers %i "%s": %s', async (status, body, expected) => {
    const { result } = await sendOne({}, {}, { status, body });
    expect(result?.outcome === 'failed' ? result.code : result?.outcome).toBe(expected);
  });

  it('never has its password in a message', async () => {
    const body = 'bad request /cgi-bin/sendsms?username=tester&password=foo%2Bb%C3%A4r foo+bär';
    const { result } = await sendOne({}, {}, { status: 400, body });
    expect(result).toHaveProperty(
      'message',
      'HTTP 400: bad request /cgi-bin/sendsms?username=tester&password=*** ***',
    );
  });
});
