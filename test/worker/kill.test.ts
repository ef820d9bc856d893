import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countTaken, readLedger } from '../../src/backends/simulator/ledger.ts';
import type { Config } from '../../src/config/settings.ts';
import { eventually, openTestYard, type TestYard } from '../support/yard.ts';

/** A folder for the ledger, and the processes of one test; gone with it. */
class Scene {
  readonly ledger: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'textyard-kill-'));
  readonly #children: ChildProcess[] = [];

  constructor() {
    this.ledger = join(this.#folder, 'ledger.jsonl');
  }

  async startWorker(yard: TestYard, options: object): Promise<ChildProcess> {
    const script = join(import.meta.dirname, '..', 'support', 'worker-process.ts');
    const child = spawn(process.execPath, [script, yard.url, this.ledger, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the worker ended before it was ready')));
      child.stdout?.on('data', (chunk: Buffer) => chunk.includes('ready') && resolve());
    });
    return child;
  }

  /** How often the operator took each transmission. */
  handedOver(): Map<string, number> {
    return existsSync(this.ledger) ? countTaken(readLedger(this.ledger)) : new Map();
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const RECIPIENTS = 3_000;
const BATCH = 50;
const CONCURRENCY = 2;

const config = (policy: object) =>
  ({ backends: { a: { type: 'simulator', identities: 'any', ...policy } }, apps: [] }) as Config;

const letters = async (yard: TestYard, id: string) => {
  const rows = await yard.sql<{ status: string; n: number }>(
    `SELECT status::text, count(*)::int AS n FROM transmissions WHERE message_id = $1::uuid GROUP BY 1`,
    [id],
  );
  return Object.fromEntries(rows.map((row) => [row.status, row.n]));
};

describe.concurrent('kill -9 of a worker in the middle of a send', () => {
  it.each(['resend', 'hold'] as const)(
    'loses nothing, and repeats no more than it says (%s)',
    async (onUnknown) => {
      using scene = new Scene();
      const policy = { batchSize: BATCH, concurrency: CONCURRENCY, leaseSeconds: 2, onUnknown };
      await using yard = await openTestYard(config(policy));
      const report = await yard.router.send(
        'hi',
        Array.from({ length: RECIPIENTS }, (_, i) => ({ backend: 'a', identity: `p${i}` })),
      );
      const options = { policy, simulator: { latencyMs: { mean: 20, spread: 10 } } };
      const kills = 2;
      for (let kill = 0; kill < kills; kill++) {
        const child = await scene.startWorker(yard, options);
        const target = (scene.handedOver().size || 1) + 400;
        await eventually(() => scene.handedOver().size > target, { what: 'some more are handed over' });
        child.kill('SIGKILL');
      }
      await scene.startWorker(yard, options);
      await eventually(
        async () => {
          const now = await letters(yard, report.id);
          return (now.S ?? 0) + (now.E ?? 0) === RECIPIENTS;
        },
        { within: 45_000, what: 'all are settled' },
      );
      const times = scene.handedOver();
      const now = await letters(yard, report.id);
      const twice = [...times.values()].filter((n) => n > 1).length;
      if (onUnknown === 'resend') {
        expect(now).toEqual({ S: RECIPIENTS });
        expect(times.size).toBe(RECIPIENTS);
        expect(twice).toBeLessThanOrEqual(kills * BATCH * CONCURRENCY);
      } else {
        expect(twice).toBe(0);
        const unknown = await yard.sql(
          `SELECT FROM transmissions WHERE error_code = 'unknown_outcome' AND dead_at IS NOT NULL`,
        );
        expect(now.E ?? 0).toBe(unknown.length);
        expect(unknown.length).toBeLessThanOrEqual(kills * BATCH * CONCURRENCY);
        // Whatever was not held was handed over exactly once.
        expect(times.size).toBeGreaterThanOrEqual(now.S ?? 0);
      }
      const [message] = await yard.sql<{ sent_count: number; errored_count: number }>(
        'SELECT sent_count, errored_count FROM messages WHERE id = $1::uuid',
        [report.id],
      );
      expect(message).toEqual({ sent_count: now.S ?? 0, errored_count: now.E ?? 0 });
    },
    90_000,
  );
});
