import { expect, it } from 'vitest';
import { listenForWake } from '../../src/store/wake.ts';
import { eventually, openTestYard } from '../support/yard.ts';

const config = { backends: { a: { type: 'simulator' as const, identities: 'any' as const } }, apps: [] };

/** A listener whose LISTEN is known to be in force. */
async function listening(yard: Awaited<ReturnType<typeof openTestYard>>, heard: string[]) {
  const listener = listenForWake(yard.url, (queue) => heard.push(queue));
  await eventually(
    async () =>
      (
        await yard.sql(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^LISTEN'`,
        )
      ).length,
  );
  return listener;
}

it('wakes other processes when the one that sent ends at once', async () => {
  await using yard = await openTestYard(config);
  const heard: string[] = [];
  const listener = await listening(yard, heard);
  const sender = await openTestYard(config, { url: yard.url });
  await sender.router.send('hi', { backend: 'a', identity: 'x' });
  await sender.close();
  await eventually(() => heard.includes('outbound.a'));
  await listener.close();
});

it('wakes them at the commit of the caller’s own transaction, and not before', async () => {
  await using yard = await openTestYard(config);
  const heard: string[] = [];
  const listener = await listening(yard, heard);
  await yard.prisma.$transaction(async (tx) => {
    await yard.router.send('hi', { backend: 'a', identity: 'x' }, { tx });
    await yard.router.receive('also', { backend: 'a', identity: 'y' });
    await eventually(() => heard.includes('inbound'));
    expect(heard).not.toContain('outbound.a');
  });
  await eventually(() => heard.includes('outbound.a'));
  await listener.close();
});

it('listens again after its connection broke', async () => {
  await using yard = await openTestYard(config);
  const heard: string[] = [];
  const listener = await listening(yard, heard);
  await yard.sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^LISTEN'`,
  );
  await eventually(async () => {
    await yard.router.receive('hi', { backend: 'a', identity: 'y' });
    return heard.includes('inbound');
  });
  await listener.close();
});
