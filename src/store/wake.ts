import pg from 'pg';
import type { Sql } from './sql.ts';

const CHANNEL = 'textyard_wake';

/**
 * Tells listening workers that a queue has work. In a transaction it takes effect at its commit.
 * Only a hint: workers poll as well.
 */
export async function notifyWake(sql: Sql, queue: string): Promise<void> {
  await sql.query('SELECT 1 FROM pg_notify($1::text, $2::text)', [CHANNEL, queue]);
}

export interface WakeListener {
  close(): Promise<void>;
}

/**
 * Hears `notifyWake` on a connection of its own, which is opened again (after 0.2 s, at most 10 s)
 * whenever it breaks. Through PgBouncer in transaction mode nothing is heard, and polling remains.
 */
export function listenForWake(url: string, onWake: (queue: string) => void): WakeListener {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let delayMs = 200;

  const reconnect = () => {
    if (closed || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      connect();
    }, delayMs);
    delayMs = Math.min(delayMs * 2, 10_000);
  };
  const connect = () => {
    const next = new pg.Client({
      connectionString: url,
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      application_name: 'textyard wake',
    });
    client = next;
    next.on('error', () => next.end().catch(() => {}));
    next.on('end', reconnect);
    next.on('notification', (message) => onWake(message.payload ?? ''));
    next
      .connect()
      .then(() => next.query(`LISTEN ${CHANNEL}`))
      .then(() => {
        delayMs = 200;
      })
      .catch(() => {
        next.end().catch(() => {});
        reconnect();
      });
  };
  connect();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
}
