import { describe, expect, test } from 'vitest';
import {
  defaultResponder,
  echo,
  keywordHandler,
  patternHandler,
  ping,
  testPhone,
} from '../../src/apps/index.ts';
import type { App } from '../../src/router/app.ts';

/** What the apps answer to one text. */
async function answers(apps: App | App[], text: string): Promise<readonly string[]> {
  const phone = await testPhone([apps].flat());
  return (await phone.send(text)).replies;
}

describe('ping', () => {
  test.each(['ping', 'PING', ' Ping\n'])('%j', async (text) => {
    expect(await answers(ping(), text)).toEqual(['pong']);
  });
  test.each(['pingpong', 'ping me', '', 'pin'])('not %j', async (text) => {
    expect(await answers(ping(), text)).toEqual([]);
  });
});

describe('echo', () => {
  test('answers with the text, but only if nobody else did', async () => {
    expect(await answers([echo(), ping()], 'Hello there')).toEqual(['Hello there']);
    expect(await answers([echo(), ping()], 'ping')).toEqual(['pong']);
    expect(await answers([echo(), echo()], 'once')).toEqual(['once']);
  });

  test('with a keyword', async () => {
    const app = echo({ keyword: 'ECHO' });
    expect(await answers(app, 'echo Hello there')).toEqual(['Hello there']);
    expect(await answers(app, 'echo')).toEqual(['Send ECHO and some text to get the text back.']);
    expect(await answers(app, 'Hello')).toEqual([]);
  });
});

describe('keyword handler', () => {
  const register = keywordHandler({
    keyword: ['REGISTER', 'sign up', 'añadir'],
    help: (message) => message.respond('help'),
    handle: (message, rest) => message.respond(`<${rest}>`),
  });

  test.each<[text: string, answer: string | undefined]>([
    ['REGISTER Ann', '<Ann>'],
    ['register Ann', '<Ann>'],
    ['  Register   Ann  Example  ', '<Ann  Example>'],
    ['register,Ann', '<Ann>'],
    ['register: Ann', '<Ann>'],
    ['register ; , : Ann', '<Ann>'],
    ['register.Ann', '<.Ann>'],
    ['register -5', '<-5>'],
    ['register #', '<#>'],
    ['register 😀', '<😀>'],
    ['register Ann\nSpringfield', '<Ann\nSpringfield>'],
    ['sign up Ann', '<Ann>'],
    ['Sign  Up Ann', '<Ann>'],
    ['AÑADIR Ann', '<Ann>'],
    ['REGISTER', 'help'],
    [' register ', 'help'],
    ['register.', 'help'],
    ['Register?!', 'help'],
    ['register ,', 'help'],
    ['registered Ann', undefined],
    ['register7', undefined],
    ['registeré', undefined],
    ['please register Ann', undefined],
    ['reg Ann', undefined],
    ['', undefined],
  ])('%j', async (text, answer) => {
    const phone = await testPhone([register]);
    const { replies, message } = await phone.send(text);
    expect(replies).toEqual(answer === undefined ? [] : [answer]);
    expect(message.handled).toBe(answer !== undefined);
  });

  const vote = (keyword: string | RegExp | string[], boundary?: 'word' | 'prefix') =>
    keywordHandler({
      keyword,
      ...(boundary === undefined ? {} : { boundary }),
      handle: (message, rest) => message.respond(`<${rest}>`),
    });

  test('a prefix boundary takes what follows at once, and the longer keyword first', async () => {
    expect(await answers(vote('vote', 'prefix'), 'VOTE7')).toEqual(['<7>']);
    expect(await answers(vote(['v', 'vote'], 'prefix'), 'vote7')).toEqual(['<7>']);
  });

  test('a keyword is taken literally, a RegExp is not', async () => {
    expect(await answers(vote('a.b'), 'a.b 1')).toEqual(['<1>']);
    expect(await answers(vote('a.b'), 'axb 1')).toEqual([]);
    expect(await answers(vote(/votes?|ballot/), 'BALLOT 1')).toEqual(['<1>']);
    expect(await answers(vote(/votes?|ballot/), 'vote')).toHaveLength(1);
  });

  test('without a help of its own it says how to use it', async () => {
    expect(await answers(vote('VOTE'), 'vote')).toEqual(['Send VOTE followed by your text.']);
  });

  test('a handle that answers false leaves the message to others', async () => {
    const choosy = keywordHandler({ keyword: 'vote', handle: async () => false });
    expect(await answers([choosy, vote('vote')], 'vote 1')).toEqual(['<1>']);
    const phone = await testPhone([vote('vote'), choosy]);
    expect((await phone.send('vote 1')).message.handled).toBe(true);
  });

  test.each([
    [[] as string[], 'keyword: must name at least one keyword, such as "REGISTER"'],
    [' ', 'keyword: must not be empty; give a word such as "REGISTER"'],
    [/a{,2}/, 'keyword: /a{,2}/ is not a valid Unicode pattern'],
  ])('%j is refused', (keyword, error) => {
    expect(() => vote(keyword)).toThrow(error);
  });
});

describe('pattern handler', () => {
  const sum = patternHandler({
    pattern: '(\\d+) (plus|and) (\\d+)( please)?',
    handle: (message, a, _word, b, please) =>
      message.respond(`${Number(a) + Number(b)}${please === undefined ? '' : ', gladly'}`),
  });

  test.each<[string, string[]]>([
    ['1 plus 2', ['3']],
    ['1 PLUS 2', ['3']],
    ['1 plus 2 please', ['3, gladly']],
    ['1 plus 2 ', []],
    ['what is 1 plus 2', []],
    ['1 plus 2\n1 plus 2', []],
  ])('%j', async (text, replies) => {
    expect(await answers(sum, text)).toEqual(replies);
  });

  const matching = (options: Partial<Parameters<typeof patternHandler>[0]>) =>
    patternHandler({
      pattern: 'x',
      handle: (message, ...groups) => message.respond(groups.join('|')),
      ...options,
    });

  test('all of an alternative has to match', async () => {
    expect(await answers(matching({ pattern: /(a)|(b)/ }), 'ax')).toEqual([]);
    expect(await answers(matching({ pattern: /(a)|(b)/ }), 'B')).toEqual(['|B']);
  });

  test('partial and case-sensitive when asked to be', async () => {
    expect(await answers(matching({ pattern: /#(\d+)/, partial: true }), 'order #7 please')).toEqual(['7']);
    expect(await answers(matching({ pattern: /(ok)/, caseSensitive: true }), 'OK')).toEqual([]);
  });

  test('a global pattern does not remember the last message', async () => {
    const phone = await testPhone([matching({ pattern: /(ok)/gy, partial: true })]);
    for (let i = 0; i < 3; i++) expect((await phone.send('ok')).replies).toEqual(['ok']);
  });

  test('a pattern that is none is refused', () => {
    expect(() => matching({ pattern: '(' })).toThrow(/^pattern: Invalid regular expression/);
    expect(() => matching({ pattern: '' })).toThrow(/^pattern: must not be empty/);
  });
});

describe('default responder', () => {
  test('answers only what nobody handled', async () => {
    expect(await answers([defaultResponder('What?'), ping()], 'hi')).toEqual(['What?']);
    expect(await answers([defaultResponder('What?'), ping()], 'ping')).toEqual(['pong']);
    expect(await answers([defaultResponder()], 'hi')).toHaveLength(1);
  });

  test('a function may leave it to the next', async () => {
    const first = defaultResponder(async (message) =>
      message.text === 'hi' ? `${message.text}!` : undefined,
    );
    const apps = [first, defaultResponder('What?')];
    expect(await answers(apps, 'hi')).toEqual(['hi!']);
    expect(await answers(apps, 'ho')).toEqual(['What?']);
  });
});
