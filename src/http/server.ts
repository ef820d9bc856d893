import fastify from 'fastify';
import type { AppLog } from '../router/app-services.ts';
import type { Database } from '../store/database.ts';

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly database: Database;
  readonly version: string;
  readonly log: AppLog;
}

export interface HttpServer {
  /** Such as http://127.0.0.1:8080. */
  readonly url: string;
  close(): Promise<void>;
}

/** A health check must answer while the database hangs: it waits this long for it, in milliseconds. */
const HEALTH_TIMEOUT_MS = 2_000;

/** Starts the HTTP server. `GET /health`: 200 when the database answers, else 503. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const server = fastify({ logger: false, bodyLimit: 1_048_576 });
  server.get('/health', async (_request, reply) => {
    const isUp = await answers(options.database);
    reply.code(isUp ? 200 : 503);
    return { status: isUp ? 'ok' : 'unavailable', database: isUp ? 'up' : 'down', version: options.version };
  });
  const url = await server.listen({ host: options.host, port: options.port });
  options.log.info({ url }, 'HTTP server listens');
  return { url, close: () => server.close() };
}

async function answers(database: Database): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), HEALTH_TIMEOUT_MS);
  });
  const asked = database.query('SELECT 1').then(
    () => true,
    () => false,
  );
  const isUp = await Promise.race([asked, late]);
  clearTimeout(timer);
  return isUp;
}
