import { TextyardError } from '../errors.ts';
import type { App } from '../router/app.ts';
import type { IncomingMessage } from '../router/message.ts';

export interface PatternHandlerOptions {
  /** Must match the whole text, without regard to case: `(\d+) plus (\d+)`. */
  pattern: RegExp | string;
  /** Called with the groups of the pattern. Return false to leave the message to others. */
  handle(message: IncomingMessage, ...groups: (string | undefined)[]): unknown;
  /** Let the pattern match anywhere in the text. */
  partial?: boolean;
  /** Let upper and lower case differ. */
  caseSensitive?: boolean;
  /** For logs; by default the pattern. */
  name?: string;
}

/** An app for texts of a given form. Space around the text counts too: allow it in the pattern. */
export function patternHandler(options: PatternHandlerOptions): App {
  const pattern = compile(options);
  return {
    name: options.name ?? `pattern ${pattern.source}`,
    async handle(message) {
      const match = pattern.exec(message.text);
      if (match === null) return false;
      return (await options.handle(message, ...match.slice(1))) !== false;
    },
  };
}

function compile({ pattern, partial = false, caseSensitive = false }: PatternHandlerOptions): RegExp {
  const source = typeof pattern === 'string' ? pattern : pattern.source;
  // Global and sticky patterns remember where they stopped, which here would be in another message.
  const given = typeof pattern === 'string' ? '' : pattern.flags.replace(/[giy]/g, '');
  if (source === '' || source === '(?:)') {
    throw new TextyardError('invalid', 'pattern: must not be empty; give one such as "(\\d+) plus (\\d+)"', {
      field: 'pattern',
    });
  }
  try {
    return new RegExp(partial ? source : `^(?:${source})$`, caseSensitive ? given : `${given}i`);
  } catch (cause) {
    throw new TextyardError('invalid', `pattern: ${(cause as Error).message}`, { field: 'pattern', cause });
  }
}
