import { TextyardError } from '../errors.ts';
import type { App } from '../router/app.ts';
import type { IncomingMessage } from '../router/message.ts';

export interface KeywordHandlerOptions {
  /** One keyword or several; a RegExp stands for all the texts it matches. Case never matters. */
  keyword: string | RegExp | readonly (string | RegExp)[];
  /** Called with what followed the keyword. Return false to leave the message to others. */
  handle(message: IncomingMessage, rest: string): unknown;
  /** Called when nothing followed the keyword; by default it says how to use it. */
  help?(message: IncomingMessage): unknown;
  /**
   * `word` (default): `REGISTER` does not match `REGISTERED` or `REGISTER7`.
   * `prefix`: it does, and what follows is handed over; for codes such as `VOTE7`.
   */
  boundary?: 'word' | 'prefix';
  /** For logs; by default made from the first keyword. */
  name?: string;
}

/**
 * An app for texts that begin with a keyword: `handle` when something follows it, else `help`.
 * Space, commas, semicolons and colons between the keyword and the rest are dropped.
 */
export function keywordHandler(options: KeywordHandlerOptions): App {
  const keywords = Array.isArray(options.keyword) ? [...options.keyword] : [options.keyword];
  const sources = keywords.map(keywordSource);
  if (sources.length === 0) {
    throw new TextyardError('invalid', 'keyword: must name at least one keyword, such as "REGISTER"', {
      field: 'keyword',
    });
  }
  // Longer keywords first, or STOPALL would be read as STOP with a prefix boundary.
  sources.sort((a, b) => b.length - a.length);
  const boundary = options.boundary === 'prefix' ? '' : '(?![\\p{L}\\p{M}\\p{N}_])';
  const pattern = new RegExp(`^\\s*(?:${sources.join('|')})${boundary}[\\s,;:]*(.*)$`, 'isu');

  const first = keywords[0]!;
  const label = typeof first === 'string' ? first.trim() : first.source;
  const help =
    options.help?.bind(options) ??
    ((message: IncomingMessage) => message.respond(`Send ${label} followed by your text.`));

  return {
    name: options.name ?? `keyword ${label}`,
    async handle(message) {
      const match = pattern.exec(message.text);
      if (match === null) return false;
      const rest = match[1]!.trimEnd();
      // A lone full stop, question mark or bracket is no content: "REGISTER." asks for help.
      const answer =
        /[^\s\p{P}]/u.test(rest) || HAS_OPERAND.test(rest)
          ? await options.handle(message, rest)
          : await help(message);
      return answer !== false;
    },
  };
}

/** Punctuation that people use as a value: a rating of `*`, a choice of `#`. */
const HAS_OPERAND = /[*#@%&]/;

function keywordSource(keyword: string | RegExp): string {
  if (keyword instanceof RegExp) {
    try {
      return `(?:${new RegExp(keyword.source, 'isu').source})`;
    } catch (cause) {
      throw new TextyardError('invalid', `keyword: ${keyword} is not a valid Unicode pattern`, {
        field: 'keyword',
        cause,
      });
    }
  }
  const word = keyword.trim();
  if (word === '') {
    throw new TextyardError('invalid', 'keyword: must not be empty; give a word such as "REGISTER"', {
      field: 'keyword',
    });
  }
  return word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replace(/\s+/g, '\\s+');
}
