import type { Backend } from '../../src/backends/backend.ts';
import { createHttpBackend } from '../../src/backends/http/http.ts';
import { createKannelBackend } from '../../src/backends/http/kannel.ts';
import { createVumiBackend } from '../../src/backends/http/vumi.ts';
import { perMessageBackend } from '../../src/backends/per-message.ts';
import { Simulator } from '../../src/backends/simulator/simulator.ts';
import { SendError } from '../../src/errors.ts';
import { type BackendUnderTest, type Behaviour, describeBackend, type TakenText } from './conformance.ts';
import { fakeGateway, type GatewayAnswer, type GatewayCall } from './fake-gateway.ts';

describeBackend('the simulator', async () => {
  const accepting = new Simulator();
  const hanging = new Simulator({ hangShare: 1 });
  // One backend to the suite; behind it whichever of the two behaves as asked.
  let current = accepting;
  const backend: Backend = {
    start: async (hooks) => void (await Promise.all([accepting.start(hooks), hanging.start(hooks)])),
    send: (...call) => current.send(...call),
    stop: async () => void (await Promise.all([accepting.stop(), hanging.stop()])),
  };
  return {
    backend,
    taken: () => [...accepting.ledger.entries, ...hanging.ledger.entries].filter((entry) => entry.taken),
    behave: (behaviour) => {
      current = behaviour === 'hanging' ? hanging : accepting;
      accepting.setOutage(behaviour === 'refusing' ? 'provider_unavailable' : undefined);
    },
  };
});

/** A gateway that speaks the documented interface, and the backend that is set up for it. */
async function gatewayUnderTest(
  connect: (origin: string) => Backend,
  documented: {
    read(call: GatewayCall): TakenText[];
    accepted(serial: number): GatewayAnswer;
    refused: GatewayAnswer;
  },
): Promise<BackendUnderTest> {
  let behaviour: Behaviour = 'accepting';
  let serial = 0;
  const taken: TakenText[] = [];
  const gateway = await fakeGateway((call) => {
    if (behaviour === 'refusing') return documented.refused;
    taken.push(...documented.read(call));
    return behaviour === 'hanging' ? 'hang' : documented.accepted(++serial);
  });
  return {
    backend: connect(gateway.origin),
    taken: () => taken,
    behave: (next) => {
      behaviour = next;
    },
    connections: gateway.connections,
    dispose: gateway.close,
  };
}

describeBackend('a gateway by JSON', () =>
  gatewayUnderTest(
    (origin) =>
      createHttpBackend({
        url: `${origin}/send`,
        json: { to: '{identity}', message: { body: '{text}' } },
        auth: { bearer: 's3cret-token' },
        externalId: { json: 'id' },
      }),
    {
      read: ({ body }) => {
        const { to, message } = JSON.parse(body) as { to: string; message: { body: string } };
        return [{ identity: to, text: message.body }];
      },
      accepted: (serial) => ({ status: 201, body: JSON.stringify({ id: serial }) }),
      refused: { status: 429, headers: { 'retry-after': '2' } },
    },
  ),
);

describeBackend('a gateway by form', () =>
  gatewayUnderTest(
    (origin) =>
      createHttpBackend({
        url: `${origin}/send`,
        form: { to: '{identity}', body: '{text}' },
        connections: 3,
      }),
    {
      read: ({ body }) => {
        const form = new URLSearchParams(body);
        return [{ identity: form.get('to')!, text: form.get('body')! }];
      },
      accepted: () => ({ body: 'OK' }),
      refused: { status: 422, body: 'no' },
    },
  ),
);

describeBackend('a gateway in bulk', () =>
  gatewayUnderTest(
    (origin) =>
      createHttpBackend({
        url: `${origin}/send`,
        json: { to: '{identities}', text: '{text}' },
        bulk: { max: 30 },
      }),
    {
      read: ({ body }) => {
        const { to, text } = JSON.parse(body) as { to: string[]; text: string };
        return to.map((identity) => ({ identity, text }));
      },
      accepted: () => ({ body: 'OK' }),
      refused: { status: 401 },
    },
  ),
);

describeBackend('Kannel', () =>
  gatewayUnderTest(
    (origin) =>
      createKannelBackend({ url: `${origin}/cgi-bin/sendsms`, username: 'tester', password: 'f00bar' }),
    {
      read: ({ query }) => [{ identity: query.get('to')!, text: query.get('text')! }],
      accepted: () => ({ status: 202, body: '0: Accepted for delivery' }),
      refused: { status: 503, body: 'Temporal failure, try again later.' },
    },
  ),
);

describeBackend('Junebug', () =>
  gatewayUnderTest(
    (origin) =>
      createVumiBackend({ url: `${origin}/channels/x/messages/`, username: 'user', password: 'f00bar' }),
    {
      read: ({ body }) => {
        const { to, content } = JSON.parse(body) as { to: string; content: string };
        return [{ identity: to, text: content }];
      },
      accepted: (serial) => ({
        status: 201,
        body: JSON.stringify({ status: 201, code: 'Created', result: { message_id: `m${serial}` } }),
      }),
      refused: { status: 401 },
    },
  ),
);

describeBackend('Vumi', () =>
  gatewayUnderTest(
    (origin) => createVumiBackend({ url: `${origin}/messages.json`, format: 'vumi', recipientsPerCall: 25 }),
    {
      read: ({ body }) => {
        const { to_addr, content } = JSON.parse(body) as { to_addr: string[]; content: string };
        return to_addr.map((identity) => ({ identity, text: content }));
      },
      accepted: () => ({ body: '{}' }),
      refused: { status: 400, body: 'no' },
    },
  ),
);

describeBackend('a per-message sender', async () => {
  let behaviour: Behaviour = 'accepting';
  const taken: TakenText[] = [];
  const backend = perMessageBackend({
    send: async (_id, text, identities) => {
      if (behaviour === 'refusing') throw new SendError('rejected', 'no');
      taken.push(...identities.map((identity) => ({ identity, text })));
      // Deaf to the signal, as people's own senders are.
      if (behaviour === 'hanging') await new Promise(() => undefined);
    },
  });
  return {
    backend,
    taken: () => taken,
    behave: (next) => {
      behaviour = next;
    },
  };
});
