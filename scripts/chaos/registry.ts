import type { Scenario } from './scenario.ts';
import { backendFaults } from './scenarios/backend-faults.ts';
import { backendHang } from './scenarios/backend-hang.ts';
import { clock } from './scenarios/clock.ts';
import { connectionsCut } from './scenarios/connections-cut.ts';
import { databaseFrozen } from './scenarios/database-frozen.ts';
import { databaseKill } from './scenarios/database-kill.ts';
import { diskFull, walDiskFull } from './scenarios/disk-full.ts';
import { failover } from './scenarios/failover.ts';
import { senderKill } from './scenarios/sender-kill.ts';
import { versions } from './scenarios/versions.ts';
import { workerKill } from './scenarios/worker-kill.ts';

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  workerKill,
  senderKill,
  databaseKill,
  connectionsCut,
  databaseFrozen,
  failover,
  diskFull,
  walDiskFull,
  backendFaults,
  backendHang,
  clock,
  versions,
];

/** @throws Error that names the scenarios there are */
export function findScenario(name: string): Scenario {
  const found = SCENARIOS.find((one) => one.name === name);
  if (found) return found;
  throw new Error(
    `there is no scenario "${name}"; there are: ${SCENARIOS.map((one) => one.name).join(', ')}`,
  );
}
