/**
 * PostgreSQL from npm, for a project that has none of its own. The server is a process of its
 * own, shared by every process that uses the same folder; the last one to leave stops it.
 *
 * What the folder (by default `.textyard/`) holds:
 * - `server.json`  port, pid and the data's place; written by whoever started the server
 * - `password`     the superuser's password, readable by the owner only
 * - `users/`       one file per process that uses the server
 * - `lock`         held while a server is being looked for, started or stopped
 * - `server.log`   what PostgreSQL wrote
 * - `data/`        the data, unless the account that must own it cannot come here
 */
import { resolve } from 'node:path';
import { LOCK_TIMEOUT_MS, ServerFolder } from './embedded-server.ts';
import { livingUsers, registerUser, withLock, withLockSync } from './process-lock.ts';

export interface EmbeddedPostgresOptions {
  /** Folder of the server's files; `.textyard` of the working directory unless given. */
  directory?: string;
  /** PostgreSQL settings for the server if this call starts it; a running one keeps its own. */
  settings?: Record<string, string | number>;
  /** Told in a few words what is being done, when it takes a while. */
  onProgress?: (message: string) => void;
}

export interface EmbeddedPostgres {
  /** Where to connect, password included. */
  url: string;
  /** The server's process id. */
  pid: number;
  dataDirectory: string;
  /** Ends this use; stops the server if no other process uses it. May be called twice. */
  release(): Promise<void>;
}

/**
 * Finds the running server of a folder, or starts it (making the data the first time).
 * @throws TextyardError('configuration') on a platform without binaries
 * @throws TextyardError('unavailable') if the server cannot be made or started; the message names
 *   the server's log
 */
export async function acquireEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const place = new ServerFolder(resolve(options.directory ?? '.textyard'));
  const onProgress = options.onProgress ?? (() => {});
  place.prepare();
  return await withLock(place.lock, LOCK_TIMEOUT_MS, async () => {
    const state = (await place.findRunning()) ?? (await place.start(options.settings ?? {}, onProgress));
    const unregister = registerUser(place.users);
    const leave = leaveOnExit(place, unregister);
    let released: Promise<void> | undefined;
    return {
      url: place.url(state.port),
      pid: state.pid,
      dataDirectory: state.dataDirectory,
      release: () => {
        released ??= withLock(place.lock, LOCK_TIMEOUT_MS, async () => {
          process.off('exit', leave);
          unregister();
          if (livingUsers(place.users).length === 0) await place.stop();
        });
        return released;
      },
    };
  });
}

/** A process that ends without release() still must not leave the server behind. */
function leaveOnExit(place: ServerFolder, unregister: () => void): () => void {
  const leave = () => {
    unregister();
    withLockSync(place.lock, 500, () => {
      const state = place.readState();
      if (state && livingUsers(place.users).length === 0) place.signalStop(state);
    });
  };
  process.on('exit', leave);
  return leave;
}
