import type { BenchCase } from './case.ts';
import { bulk } from './cases/bulk.ts';
import { inbound } from './cases/inbound.ts';
import { sends } from './cases/sends.ts';

/** In the order in which they run. */
export const CASES: readonly BenchCase[] = [bulk, sends, inbound];

/** @throws Error that names the cases there are */
export function findCase(name: string): BenchCase {
  const found = CASES.find((one) => one.name === name);
  if (found) return found;
  throw new Error(`there is no case "${name}"; there are: ${CASES.map((one) => one.name).join(', ')}`);
}
