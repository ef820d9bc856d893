import { cpSync, lchownSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TextyardError } from '../../../src/index.ts';
import { people, simulatedLine, unknownWindow } from '../lines.ts';
import { PostgresServer, query } from '../postgres-server.ts';
import { isRunning } from '../processes.ts';
import type { Scenario } from '../scenario.ts';
import { openSender } from '../sender.ts';
import { SmallDisk } from '../small-disk.ts';
import type { Stage } from '../stage.ts';
import { Traffic } from '../traffic.ts';
import { judgeTraffic } from '../traffic-promises.ts';
import { startWorker } from '../workers.ts';

const POLICY = { batchSize: 50, concurrency: 2, leaseSeconds: 2 };
const WORKERS = 1;
const DISK_MB = 260;

/** PostgreSQL refuses statements, and stays up. */
export const diskFull: Scenario = {
  name: 'disk-full',
  title: 'the disk of the data fills up while sending and receiving; later there is room again',
  run: (stage) => fillUp(stage, { walApart: true }),
};

/** PostgreSQL ends when it cannot write its WAL; with room left in the segments it has, it refuses statements. */
export const walDiskFull: Scenario = {
  name: 'wal-disk-full',
  title:
    'the disk of data and WAL fills up; later there is room again, and PostgreSQL is started if it ended',
  run: (stage) => fillUp(stage, { walApart: false }),
};

async function fillUp(stage: Stage, { walApart }: { walApart: boolean }): Promise<void> {
  const seconds = stage.size(20, 4);
  const disk = SmallDisk.mount(stage, DISK_MB);
  const server = await startOn(stage, disk, walApart);
  const { url } = server;
  const backends = simulatedLine(stage, 'line', POLICY, { latencyMs: { mean: 20, spread: 10 } });
  const sender = await openSender(stage, url, backends);
  const workers = [await startWorker(stage, { url, backends, echo: true })];
  const calls = stage.size(20, 8);
  const traffic = new Traffic(sender, { backend: 'line', sends: calls, receives: calls, restMs: 20 });
  await sleep(1_000);
  disk.fill(stage.random.between(200_000, 1_000_000));
  // A mailing needs room at once, and is refused as a whole.
  const refused = await sender.router.send('mailing', people('line', 50_000)).then(
    () => undefined,
    (error: unknown) => error,
  );
  await sleep(seconds * 1000);
  const survived = isRunning(server.pid);
  disk.empty();
  // What a person does then.
  if (!survived) await server.start();
  await sleep(3_000);
  await traffic.stop();
  stage.injected(
    `no room for ${seconds} s, with ${calls} sends and ${calls} receives in flight; PostgreSQL ${survived ? 'stayed up' : 'ended, and was started again'}`,
  );
  const rejected = traffic.sends.rejected + traffic.receives.rejected;
  stage.promise(
    'a mailing that has no room is refused as a whole, in one line',
    refused instanceof TextyardError && refused.kind === 'unavailable' && (await countMailings(url)) === 0,
    `${refused instanceof Error ? refused.message : 'accepted'}; ${rejected} single texts rejected`,
  );
  await judgeTraffic(stage, {
    url,
    backend: 'line',
    workers,
    traffic,
    mostTwice: WORKERS * unknownWindow(POLICY),
    window: 'batchSize × concurrency per worker: results may wait for room until their leases ended',
    slowest: 30,
  });
}

/** With everything on the small disk, or all but the WAL. */
async function startOn(stage: Stage, disk: SmallDisk, walApart: boolean): Promise<PostgresServer> {
  const server = new PostgresServer(join(disk.path, 'postgres'), {
    min_wal_size: '32MB',
    max_wal_size: '48MB',
    shared_buffers: '16MB',
  });
  stage.onClose(() => server.stop());
  await server.start();
  await server.migrate();
  if (!walApart) return server;
  await server.stop();
  const wal = join(server.dataDirectory, 'pg_wal');
  const apart = join(stage.folder, 'wal');
  const { uid, gid } = statSync(wal);
  cpSync(wal, apart, { recursive: true });
  for (const path of ['', ...readdirSync(apart, { recursive: true, encoding: 'utf8' })])
    lchownSync(join(apart, path), uid, gid);
  rmSync(wal, { recursive: true });
  symlinkSync(apart, wal);
  await server.start();
  return server;
}

async function countMailings(url: string): Promise<number> {
  const [row] = await query<{ n: number }>(
    url,
    `SELECT count(*)::int AS n FROM messages WHERE text = 'mailing'`,
  );
  return row?.n ?? 0;
}
