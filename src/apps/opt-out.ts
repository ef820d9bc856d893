import { TextyardError } from '../errors.ts';
import type { App } from '../router/app.ts';
import { type AppServices, EVERYWHERE } from '../router/app-services.ts';
import type { IncomingMessage, ReplyOptions } from '../router/message.ts';

/** The words that operators and regulators ask every sender to honour. */
export const OPT_OUT_WORDS = {
  stop: ['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT', 'OPT OUT'],
  start: ['START', 'YES', 'UNSTOP'],
  help: ['HELP', 'INFO'],
} as const;

export interface OptOutOptions {
  /** Words instead of the usual ones, in any case. */
  stop?: readonly string[];
  start?: readonly string[];
  help?: readonly string[];
  /** What is answered; null answers nothing, for lines where the provider does. */
  replies?: {
    stop?: string | null;
    start?: string | null;
    help?: string | null;
  };
  /** Whether STOP holds for all backends (default) or for the one it came in on. */
  scope?: 'everywhere' | 'backend';
}

const REPLIES = {
  stop: 'You will get no more messages from us. Send START to get them again.',
  start: 'You will get our messages again. Send STOP to end them.',
  help: 'Send STOP to end our messages, START to get them again.',
};

/** The router lets a reply with this mark through to people who are on the suppression list. */
const PASSES_SUPPRESSION: ReplyOptions = { fields: { optOutConfirmation: true } };

/**
 * Keeps the suppression list by what people send: STOP puts them on it, START takes them off, HELP
 * tells them of both. Only a text that is nothing but such a word counts.
 *
 * START counts only from people who are on the list, so that a survey may ask for YES. STOP is
 * obeyed wherever this app stands among the others.
 */
export function optOut(options: OptOutOptions = {}): App {
  const words = {
    stop: wordSet('stop', options.stop ?? OPT_OUT_WORDS.stop),
    start: wordSet('start', options.start ?? OPT_OUT_WORDS.start),
    help: wordSet('help', options.help ?? OPT_OUT_WORDS.help),
  };
  const replies = { ...REPLIES, ...options.replies };
  const obeyed = new WeakSet<IncomingMessage>();
  let services: AppServices | undefined;

  const answer = (message: IncomingMessage, text: string | null, marked: boolean) => {
    if (text !== null && text !== '') message.respond(text, marked ? PASSES_SUPPRESSION : {});
  };

  return {
    name: 'opt-out',

    start(given) {
      services = given;
    },

    // In parse, which runs for every app: a keyword handler listed before this one cannot keep
    // a STOP from being obeyed.
    async parse(message) {
      if (services === undefined) throw new Error('the opt-out app was not started');
      const { backend, identity } = message.connection;
      const word = normalise(message.text);
      const scope = options.scope === 'backend' ? backend : EVERYWHERE;

      if (words.stop.has(word)) {
        await services.suppressions.suppress(identity, { scope, reason: `sent ${word}` });
        obeyed.add(message);
        answer(message, replies.stop, true);
      } else if (words.start.has(word) && (await services.suppressions.isSuppressed(identity, { backend }))) {
        // A narrower entry would go on holding back what the person just asked for.
        for (const one of new Set([scope, backend]))
          await services.suppressions.lift(identity, { scope: one });
        obeyed.add(message);
        answer(message, replies.start, false);
      }
    },

    handle(message) {
      if (obeyed.has(message)) return true;
      if (!words.help.has(normalise(message.text))) return false;
      // Help is owed also to those who opted out.
      answer(message, replies.help, true);
      return true;
    },
  };
}

/** `stop!`, ` "Stop" ` and `STOP.` are one word. */
function normalise(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\s\p{P}\p{S}]+/gu, ' ')
    .trim()
    .toUpperCase();
}

function wordSet(field: 'stop' | 'start' | 'help', list: readonly string[]): Set<string> {
  const words = list.map(normalise);
  if (words.includes('')) {
    throw new TextyardError('invalid', `${field}: must be words such as "STOP"; one of them has no letters`, {
      field,
    });
  }
  return new Set(words);
}
