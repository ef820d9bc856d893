import type { App } from '../router/app.ts';
import { keywordHandler } from './keyword.ts';

/**
 * Answers a text with the same text, to see that the line works both ways.
 *
 * Without a keyword it answers everything that nobody else handled. With one, such as `ECHO`, it
 * answers `ECHO hello` with `hello` and leaves other texts alone.
 */
export function echo(options: { keyword?: string } = {}): App {
  const { keyword } = options;
  if (keyword !== undefined) {
    return keywordHandler({
      name: 'echo',
      keyword,
      help: (message) => message.respond(`Send ${keyword} and some text to get the text back.`),
      handle: (message, rest) => message.respond(rest),
    });
  }
  return {
    name: 'echo',
    default(message) {
      message.respond(message.text);
      return true;
    },
  };
}

/** Answers `pong` to `ping`, in any case. */
export function ping(): App {
  return {
    name: 'ping',
    handle(message) {
      if (message.text.trim().toLowerCase() !== 'ping') return false;
      message.respond('pong');
      return true;
    },
  };
}
