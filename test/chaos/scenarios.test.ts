/** Each scenario of `npm run chaos` in its short form. */
import { describe, expect, it, vi } from 'vitest';
import { SCENARIOS } from '../../scripts/chaos/registry.ts';
import { outcomeLines } from '../../scripts/chaos/scenario.ts';
import { runScenario } from '../../scripts/chaos/stage.ts';
import { createTestDatabase } from '../support/database.ts';

// They wait for leases and heartbeats more than they compute, but each has a server and workers.
vi.setConfig({ maxConcurrency: 4 });

describe.concurrent('promises are kept in spite of', () => {
  it.for(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    { timeout: 180_000 },
    async ([, scenario], context) => {
      const outcome = await runScenario(scenario, { seed: 1, short: true, database: createTestDatabase });
      if (outcome.skipped !== undefined) context.skip(outcome.skipped);
      expect(
        outcome.findings.filter((finding) => !finding.kept),
        outcomeLines(outcome).join('\n'),
      ).toEqual([]);
      expect(outcome.findings.length).toBeGreaterThan(0);
    },
  );
});
