import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface GatewayCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface GatewayAnswer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** What the fake does with a call: an answer, no answer ever, or a connection broken off. */
export type GatewayReaction = GatewayAnswer | 'hang' | 'reset';

export interface FakeGateway {
  readonly origin: string;
  readonly calls: GatewayCall[];
  /** The most calls that were under way at once. */
  peak(): number;
  react(reaction: (call: GatewayCall) => GatewayReaction | Promise<GatewayReaction>): void;
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** An HTTP server on a free port of this machine. */
export async function fakeGateway(
  initial: (call: GatewayCall) => GatewayReaction | Promise<GatewayReaction> = () => ({}),
): Promise<FakeGateway> {
  const calls: GatewayCall[] = [];
  let reaction = initial;
  let under = 0;
  let peak = 0;
  const server = createServer(async (request, response) => {
    let body = '';
    request.setEncoding('utf8');
    for await (const chunk of request) body += chunk;
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const { method = '', headers } = request;
    const call = { method, path: url.pathname, query: url.searchParams, headers, body };
    calls.push(call);
    under++;
    peak = Math.max(peak, under);
    const answer = await reaction(call);
    under--;
    give(answer, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    peak: () => peak,
    react: (next) => {
      reaction = next;
    },
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function give(answer: GatewayReaction, response: ServerResponse): void {
  if (answer === 'hang') return;
  if (answer === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  response.writeHead(answer.status ?? 200, answer.headers ?? {});
  response.end(answer.body ?? '');
}
