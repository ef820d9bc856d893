import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '../../../src/store/migrate.ts';
import { promiseCounted, promiseSettled, readHandedOver, readStates } from '../audit.ts';
import { people, simulatedLine } from '../lines.ts';
import { query } from '../postgres-server.ts';
import type { Scenario } from '../scenario.ts';
import { openSender } from '../sender.ts';
import type { Stage } from '../stage.ts';
import { Traffic } from '../traffic.ts';
import { startWorker } from '../workers.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const NEXT_MIGRATION = '20991231000000_chaos';

/** An upgrade without a stop: migrate while the old version works, then start the new one beside it. */
export const versions: Scenario = {
  name: 'versions',
  title: 'a worker of this version and one of the next, whose migration comes while the old one works',
  async run(stage) {
    const count = stage.size(20_000, 2_000);
    const backends = simulatedLine(stage, 'line', { batchSize: 20 }, { latencyMs: { mean: 20 } });
    const url = await stage.database();
    const next = makeNextVersion(stage);
    const tooEarly = await startCommand(next, url);
    const sender = await openSender(stage, url, backends);
    const old = await startWorker(stage, { url, backends, echo: true });
    await sender.router.send('before', people('line', count, 'before'));
    const traffic = new Traffic(sender, { backend: 'line', sends: 10, receives: 10, restMs: 20 });
    await sleep(500);
    const applied = await migrate(url, { prismaFolder: join(next, 'prisma') });
    stage.progress(`applied ${applied}`);
    const script = join(next, 'scripts', 'chaos', 'worker-process.ts');
    const recent = await startWorker(stage, { url, backends, echo: true }, script);
    await sender.router.send('after', people('line', count, 'after'));
    await sleep(1_500);
    await traffic.stop();
    stage.injected(`migration ${applied.join(', ')} beside a working worker; a worker of either version`);

    await promiseSettled(stage, url, 60);
    stage.promise(
      'both workers go on',
      old.isRunning && recent.isRunning,
      `${[old, recent].filter((worker) => worker.isRunning).length} of 2 run, ${await countWorkers(url)} registered`,
    );
    const states = await readStates(url, 'line');
    const handed = readHandedOver(stage, 'line');
    stage.promise(
      'everything is sent, once; no call is rejected',
      states.sent === states.total &&
        handed.twice === 0 &&
        traffic.sends.rejected + traffic.receives.rejected === 0,
      `${states.sent} of ${states.total} sent, ${handed.twice} twice; ${traffic.summary()}`,
    );
    await promiseCounted(stage, url);
    const tooLate = await startCommand(ROOT, url);
    stage.promise(
      'the next version before its migration: one line that says to migrate',
      tooEarly.code === 1 && /^textyard: [^\n]*older[^\n]*migrate[^\n]*\n$/.test(tooEarly.printed),
      `exit code ${tooEarly.code}: ${tooEarly.printed.trim()}`,
    );
    stage.promise(
      'this version started after it: one line that says to upgrade',
      tooLate.code === 1 && /^textyard: [^\n]*newer[^\n]*upgrade[^\n]*\n$/.test(tooLate.printed),
      `exit code ${tooLate.code}: ${tooLate.printed.trim()}`,
    );
  },
};

/** A copy of this version that has one more migration. */
function makeNextVersion(stage: Stage): string {
  const next = join(stage.folder, 'next');
  for (const part of ['src', 'prisma', 'scripts/chaos', 'package.json'])
    cpSync(join(ROOT, part), join(next, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(next, 'node_modules'));
  const folder = join(next, 'prisma', 'migrations', NEXT_MIGRATION);
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'migration.sql'),
    `ALTER TABLE messages ADD COLUMN chaos text;\nALTER TABLE transmissions ADD COLUMN chaos text;\n`,
  );
  return next;
}

/** Starts a version's worker as its users do, which is to refuse. */
async function startCommand(root: string, url: string): Promise<{ code: number | null; printed: string }> {
  const args = ['--conditions=textyard-source', join(root, 'src', 'cli', 'textyard.ts'), 'worker'];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, DATABASE_URL: url, TEXTYARD_LOG_LEVEL: 'silent' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  // A version that does not refuse would work on for ever.
  const limit = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(limit);
  return { code, printed };
}

async function countWorkers(url: string): Promise<number> {
  const [row] = await query<{ n: number }>(url, 'SELECT count(*)::int AS n FROM workers');
  return row?.n ?? 0;
}
