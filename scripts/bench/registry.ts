import type { BenchCase } from './case.ts';
import { bigTables } from './cases/big-tables.ts';
import { bulk } from './cases/bulk.ts';
import { bulkMillion } from './cases/bulk-million.ts';
import { createMany } from './cases/create-many.ts';
import { growth } from './cases/growth.ts';
import { inbound } from './cases/inbound.ts';
import { latency } from './cases/latency.ts';
import { receipts } from './cases/receipts.ts';
import { sends } from './cases/sends.ts';
import { workers } from './cases/workers.ts';

/** In the order in which they run. */
export const CASES: readonly BenchCase[] = [
  bulk,
  bulkMillion,
  sends,
  inbound,
  latency,
  receipts,
  createMany,
  workers,
  growth,
  bigTables,
];

/** @throws Error that names the cases there are */
export function findCase(name: string): BenchCase {
  const found = CASES.find((one) => one.name === name);
  if (found) return found;
  throw new Error(`there is no case "${name}"; there are: ${CASES.map((one) => one.name).join(', ')}`);
}
