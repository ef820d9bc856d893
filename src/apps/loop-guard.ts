import { TextyardError } from '../errors.ts';
import type { App } from '../router/app.ts';
import type { AppServices } from '../router/app-services.ts';

export interface LoopGuardOptions {
  /** How many identical texts from one connection are answered within the time. */
  limit?: number;
  /** The time, in seconds. */
  withinSeconds?: number;
}

/**
 * Ends the talk between two machines that answer each other: when one connection has sent the same
 * text `limit` times within the time (5 in an hour), further ones are stored but not answered.
 *
 * It counts stored messages, so several workers see one count. Put it first in the list of apps.
 */
export function loopGuard(options: LoopGuardOptions = {}): App {
  const limit = positive('limit', options.limit ?? 5);
  const withinSeconds = positive('withinSeconds', options.withinSeconds ?? 3600);
  let services: AppServices | undefined;

  return {
    name: 'loop guard',

    start(given) {
      services = given;
    },

    async filter(message) {
      if (services === undefined) throw new Error('the loop guard was not started');
      const { connection, rawText, id } = message;
      const before = await services.history.countIdentical(connection, rawText, withinSeconds, id);
      if (before < limit) return false;
      const reason = `identical texts within ${withinSeconds} s before this one: ${before}`;
      message.fields.filtered = { by: 'loop guard', reason };
      services.log.warn(
        { messageId: id, backend: connection.backend, identical: before, withinSeconds },
        'reply loop suspected; not answered',
      );
      return true;
    },
  };
}

function positive(field: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new TextyardError('invalid', `${field}: must be a number above 0, not ${value}`, { field });
}
