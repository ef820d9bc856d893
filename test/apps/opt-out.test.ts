import { describe, expect, test } from 'vitest';
import { keywordHandler, type OptOutOptions, optOut, testPhone } from '../../src/apps/index.ts';
import type { App } from '../../src/router/app.ts';
import { IncomingMessage } from '../../src/router/message.ts';

const identity = '+12025550123';

function started(options: OptOutOptions = {}, others: App[] = []) {
  return testPhone([...others, optOut(options)], { identity, backend: 'line-1' });
}

describe('opting out', () => {
  test.each([
    'STOP',
    'stop',
    ' Stop. ',
    '"STOP"',
    'stop!!',
    'STOPALL',
    'Stop All'.replace(' ', ''),
    'unsubscribe',
    'Cancel',
    'END',
    'quit',
    'revoke',
    'opt out',
    'Opt-Out',
    'ＳＴＯＰ',
    '*stop*',
    'STOP\n',
  ])('%j', async (text) => {
    const phone = await started();
    const { replies, message } = await phone.send(text);
    expect(phone.services.suppressions.reasonFor(identity, '*')).toMatch(/^sent /);
    expect(await phone.services.suppressions.isSuppressed(identity, { backend: 'other' })).toBe(true);
    expect(replies).toHaveLength(1);
    expect(message.handled).toBe(true);
  });

  test.each(['stop it', 'please stop', 'stopp', 'do not stop', 'the end', '', '!', 'S T O P'])(
    'not %j',
    async (text) => {
      const phone = await started();
      const { replies, message } = await phone.send(text);
      expect(await phone.services.suppressions.isSuppressed(identity, { backend: 'line-1' })).toBe(false);
      expect(replies).toEqual([]);
      expect(message.handled).toBe(false);
    },
  );

  test('the confirmation is marked so that it still goes out', async () => {
    const phone = await started();
    const { message } = await phone.send('stop');
    expect(message.replies[0]?.options.fields).toEqual({ optOutConfirmation: true });
  });

  test('for one backend only, when set so', async () => {
    const phone = await started({ scope: 'backend' });
    await phone.send('stop');
    const { suppressions } = phone.services;
    expect(await suppressions.isSuppressed(identity, { backend: 'line-1' })).toBe(true);
    expect(await suppressions.isSuppressed(identity, { backend: 'line-2' })).toBe(false);
  });

  test('is obeyed though an app before it handles the text', async () => {
    const greedy: App = { name: 'greedy', handle: () => true };
    const phone = await started({}, [greedy]);
    await phone.send('stop');
    expect(await phone.services.suppressions.isSuppressed(identity, { backend: 'line-1' })).toBe(true);
  });
});

describe('coming back', () => {
  test.each(['START', 'yes', ' Unstop. '])('%j', async (text) => {
    const phone = await started();
    await phone.send('stop');
    const { replies, message } = await phone.send(text);
    expect(await phone.services.suppressions.isSuppressed(identity, { backend: 'line-1' })).toBe(false);
    expect(replies).toHaveLength(1);
    expect(message.replies[0]?.options.fields).toBeUndefined();
  });

  test('YES from somebody who gets messages is for the other apps', async () => {
    const survey = keywordHandler({ keyword: 'yes', help: (m) => m.respond('noted'), handle: () => false });
    const phone = await testPhone([optOut(), survey]);
    expect((await phone.send('yes')).replies).toEqual(['noted']);
    await phone.send('stop');
    expect((await phone.send('yes')).replies).toEqual([
      'You will get our messages again. Send STOP to end them.',
    ]);
  });

  test('lifts an entry of the backend it came in on too, but not of another', async () => {
    const phone = await started();
    const { suppressions } = phone.services;
    await suppressions.suppress(identity, { scope: 'line-1', reason: 'by hand' });
    await suppressions.suppress(identity, { scope: 'line-2', reason: 'by hand' });
    await phone.send('start');
    expect(await suppressions.isSuppressed(identity, { backend: 'line-1' })).toBe(false);
    expect(await suppressions.isSuppressed(identity, { backend: 'line-2' })).toBe(true);
  });
});

describe('help and settings', () => {
  test.each(['HELP', 'info?'])('%j is answered, also to those who opted out', async (text) => {
    const phone = await started();
    await phone.send('stop');
    const { replies, message } = await phone.send(text);
    expect(replies).toEqual(['Send STOP to end our messages, START to get them again.']);
    expect(message.replies[0]?.options.fields).toEqual({ optOutConfirmation: true });
    expect(message.handled).toBe(true);
  });

  test('other words and replies', async () => {
    const phone = await started({ stop: ['Arrêt'], help: [], replies: { stop: 'Fini.' } });
    expect((await phone.send('stop')).replies).toEqual([]);
    expect((await phone.send('help')).replies).toEqual([]);
    expect((await phone.send('arrêt !')).replies).toEqual(['Fini.']);
  });

  test('null answers nothing and still obeys', async () => {
    const phone = await started({ replies: { stop: null } });
    const { replies, message } = await phone.send('stop');
    expect(replies).toEqual([]);
    expect(message.handled).toBe(true);
    expect(await phone.services.suppressions.isSuppressed(identity, { backend: 'line-1' })).toBe(true);
  });

  test('a word without letters is refused', () => {
    expect(() => optOut({ stop: ['STOP', '!'] })).toThrow('stop: must be words such as "STOP"');
  });

  test('a failing list makes the message errored rather than lost', async () => {
    const phone = await started();
    phone.services.suppressions.suppress = () => Promise.reject(new Error('no database'));
    expect((await phone.send('stop')).outcome).toMatchObject({
      error: { message: 'no database' },
      app: 'opt-out',
    });
  });

  test('an app that was not started says so', async () => {
    const message = new IncomingMessage({
      id: '1',
      text: 'stop',
      connection: { backend: 'a', identity },
      receivedAt: new Date(),
    });
    await expect(async () => optOut().parse?.(message)).rejects.toThrow('was not started');
  });
});
