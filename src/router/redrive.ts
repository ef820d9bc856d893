import { batchSizeOf } from '../backends/policy.ts';
import { INBOUND_QUEUE, type JobQueue, type OutboundJob, outboundQueue } from '../jobs/queue.ts';
import type { Database } from '../store/database.ts';
import {
  type DeadFilter,
  type RevivedTransmission,
  reviveInbound,
  reviveTransmissions,
} from '../store/dead-letters.ts';
import { scatteredJobs } from './batch-jobs.ts';
import { inboundJobs } from './inbox.ts';
import type { RouterBackend } from './recipients.ts';

/** Transmissions put back by one transaction. */
const PAGE = 5_000;
/** Dead jobs looked at; more than that are found by running the command again. */
export const MOST_DEAD_JOBS = 10_000;

export interface RedriveDependencies {
  readonly database: Database;
  readonly jobs: JobQueue;
  readonly backends: ReadonlyMap<string, RouterBackend>;
}

export interface Redriven {
  transmissions: number;
  inbound: number;
  jobs: number;
}

/**
 * Puts what was given up on back to work, page by page: each page with its jobs in one commit. What
 * is given up on again meanwhile is not taken twice.
 *
 * @param onProgress told how many are back
 */
export async function redrive(
  deps: RedriveDependencies,
  filter: DeadFilter,
  onProgress: (done: number) => void,
): Promise<Redriven> {
  const redriven: Redriven = { transmissions: 0, inbound: 0, jobs: 0 };
  const took = () => onProgress(redriven.transmissions + redriven.inbound + redriven.jobs);
  for (;;) {
    const page = await deps.database.transaction(async (sql) => {
      const revived = await reviveTransmissions(sql, filter, PAGE);
      for (const [backend, jobs] of jobsOf(deps, revived))
        await deps.jobs.enqueueOutbound(sql, backend, jobs);
      return revived;
    });
    redriven.transmissions += page.length;
    for (const backend of new Set(page.map((one) => one.backend))) deps.jobs.wake(outboundQueue(backend));
    took();
    if (page.length < PAGE) break;
  }
  // An error code is what a transmission ended with; inbound messages and jobs have none.
  if (filter.code !== undefined) return redriven;
  for (;;) {
    const page = await deps.database.transaction(async (sql) => {
      const ids = await reviveInbound(sql, filter, PAGE);
      await deps.jobs.enqueueInbound(sql, inboundJobs(ids));
      return ids;
    });
    redriven.inbound += page.length;
    if (page.length > 0) deps.jobs.wake(INBOUND_QUEUE);
    took();
    if (page.length < PAGE) break;
  }
  redriven.jobs = await redriveJobs(deps, filter);
  took();
  return redriven;
}

/** Cuts revived transmissions into batches by backend and priority. */
function jobsOf(
  deps: RedriveDependencies,
  revived: readonly RevivedTransmission[],
): Map<string, OutboundJob[]> {
  const jobs = new Map<string, OutboundJob[]>();
  const groups = Map.groupBy(revived, (one) => `${one.backend} ${one.priority}`);
  for (const group of groups.values()) {
    const [first] = group;
    if (!first) continue;
    const { backend, priority } = first;
    const policy = deps.backends.get(backend)?.policy;
    // A backend that is configured no more keeps its work until it is again.
    const size = policy ? batchSizeOf(policy) : 200;
    const cut = jobs.get(backend) ?? [];
    jobs.set(backend, cut);
    cut.push(
      ...scatteredJobs(
        group.map(({ id }) => id),
        size,
        priority,
      ),
    );
  }
  return jobs;
}

/** Jobs of the filter's backend, or with its ids, go back to their queues. */
async function redriveJobs(deps: RedriveDependencies, filter: DeadFilter): Promise<number> {
  const dead = await deps.jobs.deadJobs(MOST_DEAD_JOBS);
  const wanted = dead.filter(
    (job) =>
      (filter.backend === undefined || job.queue === outboundQueue(filter.backend)) &&
      (filter.ids === undefined || filter.ids.includes(job.id)),
  );
  if (wanted.length === 0) return 0;
  const moved = await deps.jobs.redriveJobs(wanted.map((job) => job.id));
  for (const queue of new Set(wanted.map((job) => job.queue))) deps.jobs.wake(queue);
  return moved;
}
