import { afterEach, describe, expect, it } from 'vitest';
import type { OutboundTransmission, SendResult } from '../../src/backends/backend.ts';
import { createVumiBackend, type VumiSettingsInput } from '../../src/backends/http/vumi.ts';
import { fakeGateway, type GatewayReaction } from './fake-gateway.ts';
import { batchOf, transmission } from './transmissions.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function sendAll(
  settings: Partial<VumiSettingsInput>,
  what: readonly OutboundTransmission[],
  reaction: GatewayReaction = { status: 201, body: '{"result":{"message_id":"jb-1"},"message_id":"v-1"}' },
) {
  const gateway = await fakeGateway(() => reaction);
  closing.push(gateway.close);
  const backend = createVumiBackend({
    url: `${gateway.origin}/channels/c1/messages/`,
    username: 'ann',
    password: 's3cret',
    ...settings,
  });
  closing.push(() => backend.stop());
  const results: SendResult[] = [];
  await backend.send(batchOf(what), (result) => void results.push(result), new AbortController().signal);
  const bodies = gateway.calls.map((call) => JSON.parse(call.body) as Record<string, unknown>);
  return { backend, results, bodies, call: gateway.calls[0]! };
}

const reply = transmission(1, { context: { inResponseTo: 'in-9', fields: {} } });

describe('Junebug', () => {
  it('is posted to, content and from, and gives its message id', async () => {
    const sent = transmission(1);
    const eventUrl = 'http://127.0.0.1:8000/junebug?id={transmissionId}';
    const { call, bodies, results, backend } = await sendAll({ from: '5550', eventUrl, eventToken: 'evt' }, [
      sent,
    ]);
    expect(call).toMatchObject({ method: 'POST', path: '/channels/c1/messages/' });
    expect(call.headers.authorization).toBe(`Basic ${Buffer.from('ann:s3cret').toString('base64')}`);
    expect(bodies[0]).toEqual({
      to: sent.identity,
      from: '5550',
      content: sent.text,
      event_url: `http://127.0.0.1:8000/junebug?id=${sent.id}`,
      event_auth_token: 'evt',
    });
    expect(results[0]).toMatchObject({ outcome: 'sent', externalId: 'jb-1' });
    expect(backend.receiptsBy).toBe('transmission');
  });

  it('is given reply_to, and then no from, when it answers', async () => {
    const { bodies } = await sendAll({ from: '5550' }, [reply]);
    expect(bodies[0]).toEqual({ to: reply.identity, content: reply.text, reply_to: 'in-9' });
  });

  it('says that a text is too long', async () => {
    const body = JSON.stringify({ result: { errors: [{ type: 'MessageTooLong' }] } });
    const { results } = await sendAll({}, [reply], { status: 400, body });
    expect(results[0]).toMatchObject({ code: 'message_too_long' });
  });
});

describe('Vumi', () => {
  it("is posted what RapidSMS's backend posts, several recipients in one call", async () => {
    const recipients = [transmission(1), transmission(2), transmission(3)];
    const { bodies, results } = await sendAll(
      { format: 'vumi', recipientsPerCall: 2, from: '5550' },
      recipients,
    );
    const [first, second, third] = recipients.map((each) => each.identity);
    expect(bodies.map((body) => body.to_addr).toSorted()).toEqual([[first, second], [third]]);
    expect(bodies[0]).toMatchObject({
      content: reply.text,
      session_event: null,
      from_addr: '5550',
      metadata: { rapidsms_msg_id: reply.messageId },
    });
    expect(results.filter((result) => 'externalId' in result)).toHaveLength(1);
  });

  it('is given in_reply_to when it answers one phone', async () => {
    const { bodies, results } = await sendAll({ format: 'vumi' }, [reply]);
    expect(bodies[0]).toMatchObject({ in_reply_to: 'in-9' });
    expect(results[0]).toMatchObject({ externalId: 'v-1' });
  });
});
