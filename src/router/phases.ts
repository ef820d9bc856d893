import type { App } from './app.ts';
import type { AppLog, AppServices } from './app-services.ts';
import type { IncomingMessage, OutgoingMessage } from './message.ts';

/** The incoming phases, in the order in which they run. */
export const INCOMING_PHASES = ['filter', 'parse', 'handle', 'default', 'cleanup'] as const;

export type IncomingPhase = (typeof INCOMING_PHASES)[number];

/** An app threw: the message becomes `E`. */
export interface PhaseError {
  readonly error: Error;
  readonly app: string;
  readonly phase: IncomingPhase;
}

/** `received` and `filtered` both become `R`; replies collected so far go out in both cases. */
export type IncomingOutcome = 'received' | 'filtered' | PhaseError;

/**
 * Takes an inbound message through all phases of all apps.
 *
 * Only the literal `true` short-circuits: an app that answers with some other truthy value by
 * accident must not swallow a message. A throw ends the run, as nobody knows what the apps after
 * it would have relied on.
 */
export async function runIncoming(
  apps: readonly App[],
  message: IncomingMessage,
  log: AppLog,
): Promise<IncomingOutcome> {
  for (const phase of INCOMING_PHASES) {
    // An app may also set `handled` itself, in parse for instance.
    if (phase === 'default' && message.handled) continue;

    for (const app of apps) {
      if (app[phase] === undefined) continue;
      let answer: unknown;
      try {
        answer = await app[phase](message);
      } catch (thrown) {
        const error = thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
        log.error({ err: error, app: app.name, phase, messageId: message.id }, 'app threw; message errored');
        return { error, app: app.name, phase };
      }

      if (answer !== true) continue;
      if (phase === 'filter') {
        log.info({ app: app.name, messageId: message.id }, 'message filtered');
        return 'filtered';
      }
      if (phase === 'handle') {
        message.handled = true;
        break;
      }
      if (phase === 'default') break;
    }
  }
  return 'received';
}

/**
 * Takes an outbound message through the apps in reverse order, so that the app which sees inbound
 * texts first has the last word on outbound ones.
 *
 * @returns false when an app cancelled the message
 */
export async function runOutgoing(
  apps: readonly App[],
  message: OutgoingMessage,
  log: AppLog,
): Promise<boolean> {
  for (const app of apps.toReversed()) {
    if (app.outgoing === undefined) continue;
    try {
      if ((await app.outgoing(message)) === false) {
        log.info({ app: app.name, messageId: message.id }, 'message cancelled');
        return false;
      }
    } catch (thrown) {
      // What somebody asked to send is not lost to a fault in an app that only looks on.
      log.error({ err: thrown, app: app.name, phase: 'outgoing', messageId: message.id }, 'app threw');
    }
  }
  return true;
}

/** Starts the apps in their order. If one cannot start, those already started are stopped again. */
export async function startApps(apps: readonly App[], services: AppServices): Promise<void> {
  const started: App[] = [];
  try {
    for (const app of apps) {
      await app.start?.(services);
      started.push(app);
    }
  } catch (error) {
    await stopApps(started, services.log);
    throw error;
  }
}

/** Stops the apps in reverse order; one that throws does not keep the others from stopping. */
export async function stopApps(apps: readonly App[], log: AppLog): Promise<void> {
  for (const app of apps.toReversed()) {
    try {
      await app.stop?.();
    } catch (thrown) {
      log.error({ err: thrown, app: app.name }, 'app could not be stopped');
    }
  }
}
