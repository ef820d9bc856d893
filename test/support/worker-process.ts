/**
 * A worker in a process of its own, for tests that kill it: `node worker-process.ts URL LEDGER OPTIONS`.
 * Prints `ready` when it works. Its simulator writes each hand-over to the ledger before it answers.
 */
import { pino } from 'pino';
import type { Config } from '../../src/config/settings.ts';
import { openTextyard } from '../../src/main.ts';

const [url = '', ledgerFile = '', options = '{}'] = process.argv.slice(2);
const { policy = {}, simulator = {} } = JSON.parse(options);
const yard = await openTextyard({
  config: {
    databaseUrl: url,
    backends: {
      a: {
        type: 'simulator',
        identities: 'any',
        ledger: { file: ledgerFile, keep: 0 },
        ...policy,
        ...simulator,
      },
    },
    apps: [],
    worker: { pollSeconds: 0.5, shutdownSeconds: 5 },
  } as Config,
  log: pino({ level: 'silent' }),
});
await yard.startWorker();
console.log('ready');
