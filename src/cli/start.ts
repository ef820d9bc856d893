import type { Command } from 'commander';
import { TextyardError } from '../errors.ts';
import type { HttpServer } from '../http/server.ts';
import type { Textyard } from '../main.ts';
import { withCommonOptions, withExamples } from './options.ts';
import { note, printJson } from './terminal.ts';
import { startShare, type WorkerShare, withShareOptions } from './worker.ts';
import { exitOnSignals, openYard, runUntilStopped } from './yard.ts';

/** `textyard start` */
export function define(command: Command): void {
  withExamples(
    withCommonOptions(withShareOptions(command)),
    'textyard start',
    'TEXTYARD_HTTP_PORT=8081 textyard start',
    'curl http://127.0.0.1:8080/health',
  ).action((options: WorkerShare) => start(options));
}

async function start(options: WorkerShare): Promise<void> {
  const undo = exitOnSignals();
  const yard = await openYard(options);
  const server = await listen(yard);
  const worker = await startShare(yard, options);
  undo();
  if (options.json) {
    printJson({ url: server.url, worker: worker.id, pid: process.pid, backends: [...yard.lines.keys()] }, 0);
  } else {
    note(`up at ${server.url} with ${[...yard.lines.keys()].join(', ')}; Ctrl-C to stop`);
  }
  await runUntilStopped(yard, () => worker.abort());
}

/** Starts the HTTP server; a port that is taken is a person's matter, not a bug. */
export async function listen(yard: Textyard): Promise<HttpServer> {
  try {
    return await yard.startServer();
  } catch (error) {
    await yard.close();
    const { host, port } = yard.settings.http;
    const why = REASONS[(error as NodeJS.ErrnoException).code ?? ''];
    if (why === undefined) throw error;
    throw new TextyardError(
      'configuration',
      `http: cannot listen on ${host}:${port}: ${why}; set TEXTYARD_HTTP_PORT or http.port to another`,
      { field: 'http.port', cause: error },
    );
  }
}

const REASONS: Record<string, string> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'the port is reserved for root',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'the host is not known',
};
