import type { AppServices } from './app-services.ts';
import type { IncomingMessage, OutgoingMessage } from './message.ts';

/**
 * User code that sees messages on their way. Incoming phases run in the order `filter`, `parse`,
 * `handle`, `default`, `cleanup`, each over all apps in their configured order; `outgoing` runs
 * over the apps in reverse order. All may be async. The rules are RapidSMS's
 * (rapidsms.router.blocking): see docs/apps.md.
 */
export interface App {
  readonly name: string;
  /** Called once before the first message; keep the services you need. */
  start?(services: AppServices): void | Promise<void>;
  /** Return true to stop all processing of the message (it still becomes `R`). */
  filter?(message: IncomingMessage): unknown;
  /** Look and annotate (`message.fields`); the return value is ignored. */
  parse?(message: IncomingMessage): unknown;
  /** Return true if it was for you: no further `handle` runs, and `default` is skipped. */
  handle?(message: IncomingMessage): unknown;
  /** Runs only if nobody handled it; return true to stop further defaults. */
  default?(message: IncomingMessage): unknown;
  /** Runs last, whether or not the message was handled; not for a filtered one. */
  cleanup?(message: IncomingMessage): unknown;
  /** Return false to cancel the message; change `message.text` to change what is sent. */
  outgoing?(message: OutgoingMessage): unknown;
  /** Called once after the last message. */
  stop?(): void | Promise<void>;
}
