import {
  type AppLog,
  type AppServices,
  EVERYWHERE,
  type InboundHistory,
  type SuppressionList,
} from './app-services.ts';
import type { ConnectionRef, IncomingMessage } from './message.ts';

/** A suppression list that lives as long as the process, for tests of apps. */
export class MemorySuppressionList implements SuppressionList {
  readonly #reasons = new Map<string, string>();

  async suppress(identity: string, options: { scope: string; reason: string }): Promise<void> {
    this.#reasons.set(key(identity, options.scope), options.reason);
  }

  async lift(identity: string, options: { scope: string }): Promise<void> {
    this.#reasons.delete(key(identity, options.scope));
  }

  async isSuppressed(identity: string, options: { backend: string }): Promise<boolean> {
    return this.#reasons.has(key(identity, EVERYWHERE)) || this.#reasons.has(key(identity, options.backend));
  }

  /** Why this identity is on the list in exactly this scope, or undefined when it is not. */
  reasonFor(identity: string, scope: string): string | undefined {
    return this.#reasons.get(key(identity, scope));
  }
}

/** Remembers the messages it is given, for tests of apps. It grows without bound. */
export class MemoryInboundHistory implements InboundHistory {
  readonly #messages: IncomingMessage[] = [];
  readonly #now: () => Date;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  record(message: IncomingMessage): void {
    this.#messages.push(message);
  }

  async countIdentical(
    connection: ConnectionRef,
    text: string,
    sinceSeconds: number,
    beforeMessageId: string,
  ): Promise<number> {
    const since = this.#now().getTime() - sinceSeconds * 1000;
    return this.#messages.filter(
      (message) =>
        message.id < beforeMessageId &&
        fold(message.rawText) === fold(text) &&
        message.connection.backend === connection.backend &&
        message.connection.identity === connection.identity &&
        message.receivedAt.getTime() >= since,
    ).length;
  }
}

export const silentLog: AppLog = { debug() {}, info() {}, warn() {}, error() {} };

/** Services without a database, for tests of apps. */
export function memoryAppServices(now?: () => Date): AppServices & {
  readonly suppressions: MemorySuppressionList;
  readonly history: MemoryInboundHistory;
} {
  return {
    suppressions: new MemorySuppressionList(),
    history: new MemoryInboundHistory(now),
    log: silentLog,
  };
}

function fold(text: string): string {
  return text.trim().toLowerCase();
}

function key(identity: string, scope: string): string {
  return `${scope}\n${identity}`;
}
