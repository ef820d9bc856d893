/**
 * The least that must happen to pg-boss's job rows, by hand: the columns its own statements fill,
 * without its options. A job's data is the range of ids it is about.
 */

/** Ends an INSERT's column list and SELECT; `$data` is an expression for the job's data, one row per job. */
export function insertJob(queue: string, data: string, from = ''): string {
  return `
INSERT INTO pgboss.job_common (name, data, expire_seconds, deletion_seconds, keep_until, retry_limit, retry_delay,
  retry_backoff, policy, heartbeat_seconds)
SELECT '${queue}', ${data}, 82800, 900, now() + interval '10 years', 20, 1, true, 'standard', 10 ${from}`;
}

/** An UPDATE that takes up to `limit` jobs and returns `id` and `data`. */
export function fetchJobs(queue: string, limit: number): string {
  return `
UPDATE pgboss.job_common j SET state = 'active', started_on = now(), heartbeat_on = now()
WHERE j.name = '${queue}' AND j.id = ANY(ARRAY(SELECT id FROM pgboss.job_common
  WHERE name = '${queue}' AND state < 'active' AND NOT blocked AND start_after <= now()
  ORDER BY priority DESC, created_on LIMIT ${limit} FOR UPDATE SKIP LOCKED))
RETURNING j.id, j.data`;
}

/** An UPDATE that completes the jobs whose ids are the parameter. */
export function completeJobs(queue: string, ids: string): string {
  return `
UPDATE pgboss.job_common SET state = 'completed', completed_on = now()
WHERE name = '${queue}' AND id = ANY(${ids}::uuid[]) AND state = 'active'`;
}
