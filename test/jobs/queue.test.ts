import { expect, it } from 'vitest';
import type { Config } from '../../src/config/settings.ts';
import { eventually, openTestYard } from '../support/yard.ts';

const config: Config = { backends: { a: { type: 'simulator', identities: 'any' } }, apps: [] };

it('clears completed jobs away within minutes of their time, and not once a day', async () => {
  await using yard = await openTestYard(config);
  await yard.startWorker();
  await yard.router.send('hi', { backend: 'a', identity: 'x' });
  const jobs = () => yard.sql(`SELECT state::text FROM pgboss.job WHERE name = 'outbound.a'`);
  await eventually(async () => (await jobs())[0]?.state === 'completed');
  await yard.sql(
    `UPDATE pgboss.job SET completed_on = now() - interval '20 minutes' WHERE name = 'outbound.a'`,
  );
  // As two minutes after the last look.
  await yard.sql(`UPDATE pgboss.queue SET maintain_on = now() - interval '2 minutes'`);
  await yard.jobs.supervise();
  expect(await jobs()).toEqual([]);
});
