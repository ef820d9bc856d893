import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import type { Settings } from '../config/settings.ts';
import { DEAD_LETTER_QUEUE, INBOUND_QUEUE, JobQueue } from '../jobs/queue.ts';
import { Database } from '../store/database.ts';
import { backendActivity, serverFacts } from '../store/health.ts';
import { assertSchemaCurrent } from '../store/migrate.ts';
import { type BackendOverview, backendOverview, yardOverview } from '../store/overview.ts';
import { EXIT } from './failures.ts';
import { type CommonOptions, positiveNumber, withCommonOptions, withExamples } from './options.ts';
import { WORKER_SEEN_SECONDS } from './status.ts';
import { duration, plural, print, printJson, time } from './terminal.ts';
import { exitOnSignals } from './yard.ts';

interface DoctorOptions extends CommonOptions {
  stuckMinutes: number;
}

interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly told: string;
}

/** Older traffic is not looked at: this must answer quickly on a large database too. */
const LOOK_BACK_MS = 3 * 86_400_000;
/** A lease that ended so long ago should have been taken over, in seconds. */
const ABANDONED_SECONDS = 300;
const OLDEST_POSTGRES = 150_000;
const FEWEST_CONNECTIONS = 30;
const LARGEST_SKEW_MS = 2_000;

/** `textyard doctor` */
export function define(command: Command): void {
  withExamples(
    withCommonOptions(
      command.option(
        '--stuck-minutes <minutes>',
        'warn when texts have waited this long and nothing was sent',
        positiveNumber,
        10,
      ),
    ),
    'textyard doctor',
    'textyard doctor --json || alert-somebody',
  ).action((options: DoctorOptions) => doctor(options));
}

async function doctor(options: DoctorOptions): Promise<void> {
  const undo = exitOnSignals();
  const findings: Finding[] = [];
  const tell = (state: Finding['state'], check: string, told: string) => {
    findings.push({ check, state, told });
    if (!options.json) print(`${state.padEnd(5)} ${check.padEnd(12)} ${told}`);
  };
  try {
    await examine(options, tell);
  } finally {
    undo();
  }
  const failed = findings.some((finding) => finding.state === 'fail');
  if (options.json) printJson({ ok: !failed, findings });
  if (failed) process.exitCode = EXIT.failed;
}

type Tell = (state: Finding['state'], check: string, told: string) => void;

/** Looks at one thing after another; what makes the rest pointless ends it. */
async function examine(options: DoctorOptions, tell: Tell): Promise<void> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNew = major > 22 || (major === 22 && minor >= 22);
  tell(
    isNew ? 'ok' : 'fail',
    'node',
    `${process.versions.node}${isNew ? '' : ': install Node 22.22 or newer'}`,
  );

  const { loadSettings } = await import('../config/load.ts');
  const settings = await attempt(tell, 'config', () => loadSettings({ configPath: options.config }));
  if (!settings) return;
  tell(
    'ok',
    'config',
    `${settings.source ?? 'built-in settings'}; backends: ${[...settings.backends.keys()].join(', ')}`,
  );
  checkFolder(settings, tell);

  const found = await attempt(tell, 'database', () => findDatabase(settings));
  if (!found) return;
  const database = new Database({ url: found.url, maxConnections: 3, connectTimeoutMs: 5_000 });
  try {
    const answered = await attempt(tell, 'database', async () => {
      await database.check();
      return true;
    });
    if (answered) await examineDatabase(database, options, tell);
  } finally {
    await database.close();
    await found.release();
  }
}

/** Runs one step; what it throws becomes a finding. */
async function attempt<T>(tell: Tell, check: string, step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    for (const line of (error instanceof Error ? error.message : String(error)).split('\n'))
      tell('fail', check, line);
    return undefined;
  }
}

async function findDatabase(settings: Settings): Promise<{ url: string; release: () => Promise<void> }> {
  if (settings.databaseUrl) return { url: settings.databaseUrl, release: async () => {} };
  const { acquireEmbeddedPostgres } = await import('../store/embedded-postgres.ts');
  return acquireEmbeddedPostgres({ directory: join(settings.directory, '.textyard') });
}

function checkFolder(settings: Settings, tell: Tell): void {
  if (settings.databaseUrl) return;
  const folder = join(settings.directory, '.textyard');
  const probed = existsSync(folder) ? folder : dirname(folder);
  try {
    accessSync(probed, constants.W_OK);
    tell('ok', 'folder', `${folder} holds the embedded PostgreSQL`);
  } catch {
    tell('fail', 'folder', `${probed} cannot be written to: make it writable, or set DATABASE_URL`);
  }
}

async function examineDatabase(database: Database, options: DoctorOptions, tell: Tell): Promise<void> {
  const asked = Date.now();
  const facts = await serverFacts(database);
  const skew = facts.now.getTime() - (asked + Date.now()) / 2;
  const isNew = facts.versionNumber >= OLDEST_POSTGRES;
  tell(
    isNew ? 'ok' : 'fail',
    'database',
    `PostgreSQL ${facts.version}${isNew ? '' : ': upgrade to 15 or newer'}`,
  );
  if (facts.isStandby) tell('fail', 'database', 'it is a standby and cannot be written to: use the primary');
  if (!facts.fsync)
    tell('warn', 'settings', 'fsync is off: a power cut may lose or ruin the data; turn it on');
  if (!facts.fullPageWrites)
    tell('warn', 'settings', 'full_page_writes is off: a power cut may ruin the data; turn it on');
  if (facts.synchronousCommit === 'off') {
    tell(
      'warn',
      'settings',
      'synchronous_commit is off: a crash may lose texts that were acknowledged; turn it on',
    );
  }
  const free = facts.maxConnections - facts.connections;
  if (facts.maxConnections < FEWEST_CONNECTIONS) {
    tell(
      'warn',
      'settings',
      `max_connections is ${facts.maxConnections}: each process takes up to 11; raise it`,
    );
  } else if (free < 11) {
    tell(
      'warn',
      'settings',
      `only ${free} of ${facts.maxConnections} connections are free: raise max_connections`,
    );
  } else tell('ok', 'settings', `${facts.connections} of ${facts.maxConnections} connections in use`);
  const skewed = Math.abs(skew) > LARGEST_SKEW_MS;
  const apart = `this clock and the database's are ${duration(Math.abs(skew) / 1000)} apart`;
  tell(skewed ? 'warn' : 'ok', 'clock', skewed ? `${apart}: set both by NTP` : apart);

  const current = await attempt(tell, 'schema', async () => {
    await assertSchemaCurrent(database);
    return true;
  });
  if (!current) return;
  tell('ok', 'schema', 'current');
  const jobs = new JobQueue(database);
  const hasJobs = await attempt(tell, 'jobs', async () => {
    await jobs.start();
    await jobs.stop();
    return true;
  });
  if (!hasJobs) return;
  tell('ok', 'jobs', "pg-boss's tables are there");
  await examineTraffic(database, options, tell);
}

async function examineTraffic(database: Database, options: DoctorOptions, tell: Tell): Promise<void> {
  const backends = await backendOverview(database, WORKER_SEEN_SECONDS);
  const yard = await yardOverview(database, {
    workerSeenSeconds: WORKER_SEEN_SECONDS,
    inboundQueue: INBOUND_QUEUE,
    deadLetterQueue: DEAD_LETTER_QUEUE,
  });
  const isIdle = backends.every((one) => one.waiting + one.underWay === 0) && yard.inboundWaiting === 0;
  if (yard.workers > 0) tell('ok', 'workers', `${plural(yard.workers, 'worker')} alive`);
  else
    tell(
      'warn',
      'workers',
      `none is alive${isIdle ? '' : ' and there is work'}: start one with "textyard worker"`,
    );

  const activity = await backendActivity(database, new Date(Date.now() - LOOK_BACK_MS), ABANDONED_SECONDS);
  for (const one of backends) {
    const lastSent = activity.find((row) => row.backend === one.name)?.lastSent ?? null;
    tell(...judgeBackend(one, lastSent, options.stuckMinutes));
  }
  const abandoned = activity.reduce((sum, row) => sum + row.abandoned, 0);
  if (abandoned > 0) {
    tell(
      'warn',
      'leases',
      `${plural(abandoned, 'transmission')} of dead workers were not taken over: is a worker for their backend alive?`,
    );
  } else tell('ok', 'leases', 'nothing was left behind by dead workers');
  const dead = yard.deadTransmissions + yard.deadJobs;
  if (dead > 0) tell('warn', 'dead letters', `${dead}: look at "textyard dead-letters", then redrive`);
  else tell('ok', 'dead letters', 'none');
  tell('ok', 'receipts', `${yard.parkedReceipts} parked`);
}

/** The watchdog: work that is due, a backend that may run, and nothing that moves. */
function judgeBackend(one: BackendOverview, lastSent: Date | null, stuckMinutes: number): Parameters<Tell> {
  const check = 'backend';
  if (one.state === 'paused') {
    const until = one.pausedUntil ? `until ${time(one.pausedUntil)}` : 'until it is resumed';
    const todo = `when mended: "textyard backends resume ${one.name}"`;
    return [
      'warn',
      check,
      `${one.name} is paused ${until} (${one.pausedReason ?? 'no reason given'}); ${todo}`,
    ];
  }
  const limit = Date.now() - stuckMinutes * 60_000;
  const isLate = one.oldest !== null && one.oldest.getTime() < limit;
  if (isLate && (lastSent === null || lastSent.getTime() < limit)) {
    const since = duration((Date.now() - (one.oldest?.getTime() ?? 0)) / 1000);
    const why = one.workers === 0 ? 'no worker serves it' : "look at its workers' logs";
    return [
      'fail',
      check,
      `${one.name}: ${one.waiting} texts wait, the oldest for ${since}, and nothing is sent: ${why}`,
    ];
  }
  return [
    'ok',
    check,
    `${one.name} is running; ${one.waiting} waiting, ${one.underWay} under way, ${one.later} for later`,
  ];
}
