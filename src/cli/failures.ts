import { TextyardError } from '../errors.ts';

/** What the exit codes mean. */
export const EXIT = {
  ok: 0,
  /** A mistake in what was given, or an operation that failed. */
  failed: 1,
  /** A wrong option or argument. */
  usage: 2,
  /** The database cannot be reached. */
  unavailable: 3,
} as const;

/** Thrown for options that do not go together, or have a wrong value. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What is told of an error, and the exit code that goes with it. */
export interface Failure {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/**
 * An error in one line per problem, without a stack trace: a person's mistake says what to do, and
 * anything else how to see more. TEXTYARD_DEBUG=1 adds the stack.
 */
export function describeFailure(error: unknown): Failure {
  const debug = process.env.TEXTYARD_DEBUG === '1' ? [stackOf(error)] : [];
  if (error instanceof UsageError) {
    return { lines: [`textyard: ${error.message}`, ...debug], exitCode: EXIT.usage };
  }
  if (error instanceof TextyardError) {
    const lines = error.message.split('\n').map((line) => `textyard: ${line}`);
    const exitCode = error.kind === 'unavailable' ? EXIT.unavailable : EXIT.failed;
    return { lines: [...lines, ...debug], exitCode };
  }
  const what = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim();
  const hint = debug.length > 0 ? '' : ' (set TEXTYARD_DEBUG=1 to see where it happened)';
  return {
    lines: [`textyard: ${what || 'failed without a message'}${hint}`, ...debug],
    exitCode: EXIT.failed,
  };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
