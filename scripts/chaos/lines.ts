import type { BackendPolicyInput } from '../../src/backends/policy.ts';
import type { SimulatorSettingsInput } from '../../src/backends/simulator/settings.ts';
import type { Config } from '../../src/index.ts';
import { ledgerFile } from './audit.ts';
import type { Stage } from './stage.ts';

export type Backends = NonNullable<Config['backends']>;

/** A simulated operator that keeps a ledger which outlives its process. */
export function simulatedLine(
  stage: Stage,
  name: string,
  policy: BackendPolicyInput,
  simulator: SimulatorSettingsInput = {},
): Backends {
  return {
    [name]: {
      type: 'simulator',
      identities: 'any',
      ...policy,
      ...simulator,
      ledger: { file: ledgerFile(stage, name), keep: 0 },
    },
  };
}

/** Recipients that never came before. */
export function people(
  backend: string,
  count: number,
  prefix = 'p',
): { backend: string; identity: string }[] {
  return Array.from({ length: count }, (_, n) => ({ backend, identity: `${prefix}${n}` }));
}

/**
 * The most that one worker can have handed over without having written down what became of it: its
 * calls under way, full.
 */
export function unknownWindow(policy: { batchSize: number; concurrency: number }): number {
  return policy.batchSize * policy.concurrency;
}
