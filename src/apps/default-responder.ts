import type { App } from '../router/app.ts';
import type { IncomingMessage } from '../router/message.ts';

export type DefaultAnswer =
  | string
  | ((message: IncomingMessage) => string | undefined | Promise<string | undefined>);

/**
 * Answers texts that no app handled. A function may look at the message; when it gives undefined
 * or an empty text, nothing is answered and default responders after this one get their turn.
 */
export function defaultResponder(
  answer: DefaultAnswer = 'Sorry, we could not make sense of your message.',
): App {
  return {
    name: 'default responder',
    async default(message) {
      const text = typeof answer === 'string' ? answer : await answer(message);
      if (text === undefined || text === '') return false;
      message.respond(text);
      return true;
    },
  };
}
