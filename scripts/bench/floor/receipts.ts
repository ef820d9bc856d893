/** Receipts by hand: stored once each, the transmissions to D, the message counted, in one statement. */
import type { FloorConnections } from './connections.ts';
import { Group } from './group.ts';

/** Calls that share a commit at the most. */
const MOST_PER_COMMIT = 20;

const apply = (source: string) => `
WITH r AS (
  INSERT INTO receipts (backend_id, external_id, provider_status, status, transmission_id)
  ${source}
  ON CONFLICT DO NOTHING
  RETURNING transmission_id
), t AS (
  UPDATE transmissions t SET status = 'D', delivered = now(), updated = now()
  FROM r WHERE t.id = r.transmission_id AND t.status <> 'D'
  RETURNING t.message_id
), counted AS (SELECT message_id, count(*)::int AS n FROM t GROUP BY message_id)
UPDATE messages m SET sent_count = m.sent_count - c.n, delivered_count = m.delivered_count + c.n, updated = now(),
  status = (CASE WHEN m.delivered_count + c.n < m.recipients THEN 'S' ELSE 'D' END)::status,
  delivered = CASE WHEN m.delivered_count + c.n >= m.recipients THEN now() END
FROM counted c WHERE m.id = c.message_id`;

const STATEMENTS = {
  transmission: apply(`SELECT $1::int, id::text, 'delivered', 'D', id FROM unnest($2::uuid[]) AS i(id)`),
  external: apply(`SELECT $1::int, i.id, 'delivered', 'D', c.transmission_id FROM unnest($2::text[]) AS i(id)
  LEFT JOIN correlations c ON c.backend_id = $1::int AND c.external_id = i.id`),
};

/** Applies receipts, given by our ids or the provider's; each call resolves at its commit. */
export function receiptsByHand(
  { durable }: FloorConnections,
  backendId: number,
  by: 'transmission' | 'external',
): Group<readonly string[]> {
  const commit = async (calls: (readonly string[])[]) => {
    await durable.query({ name: by, text: STATEMENTS[by], values: [backendId, calls.flat()] });
  };
  return new Group(commit, MOST_PER_COMMIT, 2);
}
