import type { App } from '../router/app.ts';
import { memoryAppServices } from '../router/memory-app-services.ts';
import { IncomingMessage } from '../router/message.ts';
import { type IncomingOutcome, runIncoming, startApps } from '../router/phases.ts';

export interface TestPhoneOptions {
  identity?: string;
  backend?: string;
  /** The clock, for apps that look at times. */
  now?: () => Date;
}

/** What came of one text. */
export interface TestPhoneAnswer {
  readonly outcome: IncomingOutcome;
  /** The texts of the replies, in order. */
  readonly replies: readonly string[];
  readonly message: IncomingMessage;
}

export interface TestPhone {
  /** Sends a text from the phone through the apps. */
  send(text: string, fields?: Record<string, unknown>): Promise<TestPhoneAnswer>;
  /** What the apps were started with. */
  readonly services: ReturnType<typeof memoryAppServices>;
}

/** Tries out apps without a database: a phone that texts them and shows what they answer. */
export async function testPhone(apps: readonly App[], options: TestPhoneOptions = {}): Promise<TestPhone> {
  const { identity = '+12025550123', backend = 'simulator', now = () => new Date() } = options;
  const services = memoryAppServices(now);
  await startApps(apps, services);
  let sent = 0;
  return {
    services,
    async send(text, fields = {}) {
      sent += 1;
      const message = new IncomingMessage({
        // Ids grow as the router's do.
        id: `00000000-0000-7000-8000-${String(sent).padStart(12, '0')}`,
        text,
        connection: { backend, identity },
        receivedAt: now(),
        fields,
      });
      services.history.record(message);
      const outcome = await runIncoming(apps, message, services.log);
      return { outcome, replies: message.replies.map((reply) => reply.text), message };
    },
  };
}
