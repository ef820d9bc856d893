import type { OutboundJob } from '../jobs/queue.ts';
import type { IdRange } from '../store/claim.ts';

/** Cuts a run of ids into jobs of at most `size` transmissions. */
export function batchJobs(
  at: (n: number) => string,
  count: number,
  size: number,
  priority: number,
): OutboundJob[] {
  const jobs: OutboundJob[] = [];
  for (let first = 0; first < count; first += size) {
    const last = Math.min(first + size, count) - 1;
    const range: IdRange = [at(first), at(last)];
    jobs.push({ ranges: [range], count: last - first + 1, priority });
  }
  return jobs;
}

/** Cuts single transmissions, whose ids are in no run, into jobs of at most `size`. */
export function scatteredJobs(ids: readonly string[], size: number, priority: number): OutboundJob[] {
  const jobs: OutboundJob[] = [];
  for (let at = 0; at < ids.length; at += size) {
    const part = ids.slice(at, at + size);
    jobs.push({ ranges: part.map((id): IdRange => [id, id]), count: part.length, priority });
  }
  return jobs;
}
