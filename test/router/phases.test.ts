import { describe, expect, test } from 'vitest';
import type { App } from '../../src/router/app.ts';
import { memoryAppServices, silentLog } from '../../src/router/memory-app-services.ts';
import { IncomingMessage, OutgoingMessage } from '../../src/router/message.ts';
import {
  INCOMING_PHASES,
  type IncomingPhase,
  runIncoming,
  runOutgoing,
  startApps,
  stopApps,
} from '../../src/router/phases.ts';

type Answers = Partial<Record<IncomingPhase, () => unknown>>;

/** An app that notes each phase it sees as `name.phase`, then answers as told. */
function noting(name: string, seen: string[], answers: Answers = {}): App {
  const app: Record<string, unknown> = { name };
  for (const phase of INCOMING_PHASES) {
    app[phase] = () => {
      seen.push(`${name}.${phase}`);
      return answers[phase]?.();
    };
  }
  return app as unknown as App;
}

function incoming(): IncomingMessage {
  return new IncomingMessage({
    id: '01890000-0000-7000-8000-000000000001',
    text: 'hello',
    connection: { backend: 'sim', identity: '+12025550123' },
    receivedAt: new Date(),
  });
}

function outgoing(): OutgoingMessage {
  return new OutgoingMessage({ id: '01890000-0000-7000-8000-000000000002', text: 'hello', connections: [] });
}

const ALL =
  'a.filter b.filter a.parse b.parse a.handle b.handle a.default b.default a.cleanup b.cleanup'.split(' ');
const without = (...left: string[]) => ALL.filter((step) => !left.includes(step)).join(' ');

const fail = () => {
  throw new Error('boom');
};
const truthy = [1, 'yes', {}, [true]];

const cases: { what: string; a?: Answers; b?: Answers; seen: string; outcome: string; handled: boolean }[] = [
  { what: 'nobody answers', seen: without(), outcome: 'received', handled: false },
  {
    what: 'first filter is true',
    a: { filter: () => true },
    seen: 'a.filter',
    outcome: 'filtered',
    handled: false,
  },
  {
    what: 'second filter is true, and resolved late',
    b: { filter: async () => true },
    seen: 'a.filter b.filter',
    outcome: 'filtered',
    handled: false,
  },
  {
    what: 'parse is true',
    a: { parse: () => true },
    seen: without(),
    outcome: 'received',
    handled: false,
  },
  {
    what: 'first handle is true',
    a: { handle: () => true },
    seen: without('b.handle', 'a.default', 'b.default'),
    outcome: 'received',
    handled: true,
  },
  {
    what: 'second handle is true',
    b: { handle: async () => true },
    seen: without('a.default', 'b.default'),
    outcome: 'received',
    handled: true,
  },
  {
    what: 'first default is true',
    a: { default: () => true },
    seen: without('b.default'),
    outcome: 'received',
    handled: false,
  },
  {
    what: 'cleanup is true',
    a: { cleanup: () => true },
    seen: without(),
    outcome: 'received',
    handled: false,
  },
  ...truthy.map((value) => ({
    what: `everything answers ${JSON.stringify(value)}, which is not true`,
    a: Object.fromEntries(INCOMING_PHASES.map((phase) => [phase, () => value])) as Answers,
    seen: without(),
    outcome: 'received',
    handled: false,
  })),
  ...INCOMING_PHASES.map((phase) => ({
    what: `first app throws in ${phase}`,
    a: { [phase]: fail } as Answers,
    seen: ALL.slice(0, ALL.indexOf(`a.${phase}`) + 1).join(' '),
    outcome: `boom in a.${phase}`,
    handled: false,
  })),
  {
    what: 'second app rejects in handle',
    b: { handle: () => Promise.reject(new Error('boom')) },
    seen: 'a.filter b.filter a.parse b.parse a.handle b.handle',
    outcome: 'boom in b.handle',
    handled: false,
  },
];

describe('incoming phases', () => {
  test.each(cases)('$what', async ({ a, b, seen, outcome, handled }) => {
    const steps: string[] = [];
    const message = incoming();
    const result = await runIncoming([noting('a', steps, a), noting('b', steps, b)], message, silentLog);
    expect(steps.join(' ')).toBe(seen);
    expect(
      typeof result === 'string' ? result : `${result.error.message} in ${result.app}.${result.phase}`,
    ).toBe(outcome);
    expect(message.handled).toBe(handled);
  });

  test('default is skipped when an app marked the message handled itself', async () => {
    const steps: string[] = [];
    const message = incoming();
    const marking: App = {
      name: 'marking',
      parse(seen) {
        seen.handled = true;
      },
    };
    await runIncoming([marking, noting('a', steps)], message, silentLog);
    expect(steps).toEqual(['a.filter', 'a.parse', 'a.handle', 'a.cleanup']);
  });

  test('an app may lack every phase, and is called with itself as this', async () => {
    class Counting implements App {
      readonly name = 'counting';
      calls = 0;
      handle() {
        this.calls += 1;
      }
    }
    const app = new Counting();
    await runIncoming([{ name: 'bare' }, app], incoming(), silentLog);
    expect(app.calls).toBe(1);
  });

  test('a thrown value that is no error becomes one', async () => {
    const throwing: App = {
      name: 'throwing',
      handle() {
        throw 'just words';
      },
    };
    const result = await runIncoming([throwing], incoming(), silentLog);
    expect(result).toMatchObject({ error: { message: 'just words' }, app: 'throwing', phase: 'handle' });
  });

  test('replies collected before a filter stay with the message', async () => {
    const message = incoming();
    const refusing: App = {
      name: 'refusing',
      filter(seen) {
        seen.respond('Not now.');
        return true;
      },
    };
    expect(await runIncoming([refusing], message, silentLog)).toBe('filtered');
    expect(message.replies.map((reply) => reply.text)).toEqual(['Not now.']);
  });
});

describe('outgoing phase', () => {
  const app = (name: string, seen: string[], answer: () => unknown): App => ({
    name,
    outgoing() {
      seen.push(name);
      return answer();
    },
  });

  test.each([
    { what: 'runs in reverse order', answers: { c: () => undefined }, seen: 'c b a', goes: true },
    { what: 'false cancels', answers: { b: () => false }, seen: 'c b', goes: false },
    { what: 'a late false cancels', answers: { b: async () => false }, seen: 'c b', goes: false },
    { what: 'null does not cancel', answers: { b: () => null }, seen: 'c b a', goes: true },
    { what: '0 does not cancel', answers: { b: () => 0 }, seen: 'c b a', goes: true },
    { what: 'true does not short-circuit', answers: { c: () => true }, seen: 'c b a', goes: true },
    { what: 'a throw goes on', answers: { c: fail }, seen: 'c b a', goes: true },
    { what: 'a rejection goes on', answers: { c: () => Promise.reject(fail) }, seen: 'c b a', goes: true },
    { what: 'a throw, then false', answers: { c: fail, b: () => false }, seen: 'c b', goes: false },
  ])('$what', async ({ answers, seen, goes }) => {
    const steps: string[] = [];
    const told = answers as Record<string, (() => unknown) | undefined>;
    const apps = ['a', 'b', 'c'].map((name) => app(name, steps, told[name] ?? (() => undefined)));
    expect(await runOutgoing(apps, outgoing(), silentLog)).toBe(goes);
    expect(steps.join(' ')).toBe(seen);
  });

  test('an app may change the text', async () => {
    const message = outgoing();
    const signing: App = {
      name: 'signing',
      outgoing(seen) {
        seen.text += ' -- Textyard';
      },
    };
    await runOutgoing([signing], message, silentLog);
    expect(message.text).toBe('hello -- Textyard');
  });

  test('a throw is logged with the name of the app', async () => {
    const logged: object[] = [];
    const log = { ...silentLog, error: (fields: object) => logged.push(fields) };
    await runOutgoing([app('faulty', [], fail)], outgoing(), log);
    expect(logged).toMatchObject([{ app: 'faulty', err: { message: 'boom' } }]);
  });
});

describe('start and stop', () => {
  const app = (name: string, seen: string[], broken: { start?: boolean; stop?: boolean } = {}): App => ({
    name,
    start() {
      seen.push(`start ${name}`);
      if (broken.start) fail();
    },
    stop() {
      seen.push(`stop ${name}`);
      if (broken.stop) fail();
    },
  });

  test('stop runs in reverse, past an app that throws', async () => {
    const seen: string[] = [];
    const apps = [app('a', seen), app('b', seen, { stop: true })];
    await startApps(apps, memoryAppServices());
    await stopApps(apps, silentLog);
    expect(seen).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  test('an app that cannot start stops those before it', async () => {
    const seen: string[] = [];
    const apps = [app('a', seen), app('b', seen, { start: true }), app('c', seen)];
    await expect(startApps(apps, memoryAppServices())).rejects.toThrow('boom');
    expect(seen).toEqual(['start a', 'start b', 'stop a']);
  });
});
