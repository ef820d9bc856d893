import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { eventually, openTestYard } from '../support/yard.ts';
import { RunningCommand, textyard, workFolder } from './command-line.ts';

/** A yard whose only backend takes `latency` ms, or never answers. */
async function slowYard(simulator: object, worker: object = {}) {
  const config = {
    backends: { a: { type: 'simulator', identities: 'any', ...simulator } },
    apps: [],
    worker: { pollSeconds: 0.5, ...worker },
  };
  const yard = await openTestYard(config as Parameters<typeof openTestYard>[0]);
  const folder = workFolder(config);
  const statuses = async () =>
    (await yard.sql<{ status: string }>('SELECT status FROM transmissions ORDER BY id')).map(
      (row) => row.status,
    );
  return {
    yard,
    folder,
    statuses,
    run: (...args: string[]) => new RunningCommand(args, { url: yard.url, folder: folder.path }),
    async [Symbol.asyncDispose]() {
      await yard.close();
      folder[Symbol.dispose]();
    },
  };
}

const SENT_TO = [
  { backend: 'a', identity: '1' },
  { backend: 'a', identity: '2' },
];

describe.concurrent('textyard worker', () => {
  it('finishes what is in flight at SIGTERM, and says so', async () => {
    await using slow = await slowYard({ latencyMs: { mean: 1_500 } });
    await slow.yard.router.send('x', SENT_TO);
    const worker = slow.run('worker', '--json');
    await eventually(async () => (await slow.statuses()).join('') === 'PP', { what: 'both under way' });
    worker.child.kill('SIGTERM');
    const { code, stderr, stdout } = await worker.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/textyard: SIGTERM: finishing what is under way, at most 20 s/);
    expect(stderr).toMatch(/textyard: stopped\n/);
    expect(JSON.parse(stdout)).toMatchObject({ backends: ['a'] });
    expect(await slow.statuses()).toEqual(['S', 'S']);
    expect(await slow.yard.sql('SELECT id FROM workers')).toEqual([]);
  });

  it('stops at once at the second signal', async () => {
    await using slow = await slowYard({ hangShare: 1, timeoutMs: 600_000 }, { shutdownSeconds: 600 });
    await slow.yard.router.send('x', SENT_TO);
    const worker = slow.run('worker');
    await eventually(async () => (await slow.statuses()).join('') === 'PP', { what: 'both under way' });
    worker.child.kill('SIGINT');
    await worker.says(/finishing what is under way, at most 600 s/);
    expect(worker.child.exitCode).toBeNull();
    // Two signals in one moment are one press of Ctrl-C, so it is pressed until it is heard.
    const pressing = setInterval(() => worker.child.kill('SIGINT'), 100);
    await worker.says(/stopping at once/);
    const heard = performance.now();
    const { code } = await worker.ended;
    clearInterval(pressing);
    expect(code).toBe(1);
    expect(performance.now() - heard).toBeLessThan(5_000);
    // Not known what became of them: to be tried again, not lost.
    expect(
      await slow.yard.sql('SELECT error_code, retry_at IS NOT NULL AS again FROM transmissions'),
    ).toEqual(SENT_TO.map(() => ({ error_code: 'unknown_outcome', again: true })));
  });

  it('works for the backends it is given, and leaves inbound texts with --no-inbound', async () => {
    const config = {
      backends: { a: { type: 'simulator', identities: 'any' }, b: { type: 'simulator', identities: 'any' } },
      worker: { pollSeconds: 0.5 },
    };
    await using yard = await openTestYard(config as Parameters<typeof openTestYard>[0]);
    using folder = workFolder(config);
    const reports = [
      await yard.router.send('x', { backend: 'b', identity: '1' }),
      await yard.router.send('x', { backend: 'a', identity: '1' }),
    ];
    const inbound = await yard.router.receive('ping', { backend: 'a', identity: '1' });
    const worker = new RunningCommand(['worker', '--backends', 'a', '--no-inbound'], {
      url: yard.url,
      folder: folder.path,
    });
    const statusOf = async (id: string | undefined) =>
      (await yard.sql<{ status: string }>('SELECT status FROM messages WHERE id = $1::uuid', [id]))[0]
        ?.status;
    await eventually(async () => (await statusOf(reports[1]?.id)) === 'S');
    // By the time that a second text went out, the first look at every other queue is long over.
    const second = await yard.router.send('y', { backend: 'a', identity: '1' });
    await eventually(async () => (await statusOf(second.id)) === 'S');
    worker.child.kill('SIGTERM');
    expect((await worker.ended).code).toBe(0);
    expect([await statusOf(reports[0]?.id), await statusOf(inbound.id)]).toEqual(['Q', 'Q']);
  });
});

describe.concurrent('textyard start', () => {
  it('serves /health beside the worker, and stops both at SIGTERM', async () => {
    await using quick = await slowYard({});
    const running = new RunningCommand(['start', '--json'], {
      url: quick.yard.url,
      folder: quick.folder.path,
      env: { TEXTYARD_HTTP_PORT: '0' },
    });
    await running.says(/\n/);
    await eventually(() => running.stdout.endsWith('\n'));
    const { url } = JSON.parse(running.stdout);
    const health = await fetch(`${url}/health`);
    expect([health.status, ((await health.json()) as { status: string }).status]).toEqual([200, 'ok']);
    const answer = await textyard(['send', '--to', '1', '--text', 'x', '--json'], {
      url: quick.yard.url,
      folder: quick.folder.path,
    });
    expect(JSON.parse(answer.stdout)).toMatchObject({ queued: 1 });
    await eventually(async () => (await quick.statuses()).join('') === 'S', { what: 'sent' });
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it('says in one line that its port is taken', async () => {
    await using quick = await slowYard({});
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const { code, errors } = await textyard(['start'], {
      url: quick.yard.url,
      folder: quick.folder.path,
      env: { TEXTYARD_HTTP_PORT: String(port) },
    });
    taken.close();
    expect(code).toBe(1);
    expect(errors).toEqual([expect.stringMatching(/the port is in use; set TEXTYARD_HTTP_PORT/)]);
  });
});
