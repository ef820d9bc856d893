import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promiseCounted, promiseSettled, readHandedOver } from '../audit.ts';
import { simulatedLine } from '../lines.ts';
import { query } from '../postgres-server.ts';
import type { Scenario } from '../scenario.ts';
import { type SenderOrder, startSender } from '../senders.ts';
import type { Stage } from '../stage.ts';
import { startWorker } from '../workers.ts';

/** One streamed send of many, then many small ones in flight; a new process for each. */
export const senderKill: Scenario = {
  name: 'sender-kill',
  title: 'kill -9 of the sending process in the middle of send',
  async run(stage) {
    const recipients = stage.size(100_000, 30_000);
    const rounds = stage.size(5, 1);
    const backends = simulatedLine(stage, 'line', { batchSize: 200 });
    const url = await stage.database();
    const acknowledged = join(stage.folder, 'acknowledged');
    appendFileSync(acknowledged, '');
    const order = { url, backends, acknowledged, recipients };
    for (let round = 0; round < rounds; round++) {
      await killBulk(stage, { ...order, mode: 'bulk', name: `bulk-${round}` });
      await killSingles(stage, { ...order, mode: 'singles', name: `singles-${round}` });
    }
    stage.injected(
      `${rounds} × kill -9 of a process that streams a send to ${recipients}, ${rounds} × of one with 200 small sends in flight`,
    );
    await untilRolledBack(url);
    await judge(stage, url, acknowledged, recipients);

    const worker = await startWorker(stage, { url, backends });
    await promiseSettled(stage, url, 120);
    await worker.stop();
    const [row] = await query<{ n: number }>(url, 'SELECT count(*)::int AS n FROM transmissions');
    const handed = readHandedOver(stage, 'line');
    stage.promise(
      'what is stored is handed over, once',
      handed.transmissions === row?.n && handed.twice === 0,
      `${handed.transmissions} of ${row?.n} handed over, ${handed.twice} twice`,
    );
    await promiseCounted(stage, url);
  },
};

/** Anywhere from the first rows to just after the commit. */
async function killBulk(stage: Stage, order: SenderOrder): Promise<void> {
  const sender = await startSender(stage, order);
  // It tells of its progress every 10,000 rows.
  const moment = stage.random.between(0, order.recipients * 1.4) - 10_000;
  while (sender.isRunning && sender.written < Math.min(moment, order.recipients)) await sleep(1);
  // After the last row come the counts and the commit.
  await sleep(stage.random.between(0, moment < order.recipients ? 150 : 600));
  stage.progress(`${order.name}: killed after ${sender.written} rows`);
  await sender.kill();
}

async function killSingles(stage: Stage, order: SenderOrder): Promise<void> {
  const sender = await startSender(stage, order);
  await sleep(stage.random.between(100, 1_000));
  await sender.kill();
}

/** The server notices a dead client when its statement ends. */
async function untilRolledBack(url: string): Promise<void> {
  const text = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'textyard'`;
  while ((await query(url, text)).length > 0) await sleep(20);
}

async function judge(stage: Stage, url: string, file: string, recipients: number): Promise<void> {
  const rows = await query<{ id: string; text: string; recipients: number; stored: number }>(
    url,
    `SELECT m.id, m.text, m.recipients, (SELECT count(*) FROM transmissions WHERE message_id = m.id)::int AS stored
     FROM messages m`,
  );
  const whole = rows.filter((row) => row.stored === row.recipients && row.stored > 0);
  const bulks = rows.filter((row) => row.text.startsWith('bulk'));
  stage.promise(
    'all or nothing per send',
    whole.length === rows.length && bulks.every((row) => row.stored === recipients),
    `${whole.length} of ${rows.length} messages whole, of them ${bulks.length} streamed ones to ${recipients}`,
  );
  const ids = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  const stored = new Set(whole.map((row) => row.id));
  const lost = ids.filter((id) => !stored.has(id)).length;
  stage.promise(
    'what was acknowledged is there',
    lost === 0 && ids.length > 0,
    `${ids.length} acknowledged, ${lost} of them missing`,
  );
  const [jobs] = await query<{ n: number }>(
    url,
    `SELECT COALESCE(sum((data->>'count')::int), 0)::int AS n FROM pgboss.job WHERE name = 'outbound.line'`,
  );
  const transmissions = rows.reduce((sum, row) => sum + row.stored, 0);
  stage.promise(
    'each stored transmission has its job, and no job is without',
    jobs?.n === transmissions,
    `${transmissions} transmissions, jobs for ${jobs?.n}`,
  );
}
