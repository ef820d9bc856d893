import { expect, it } from 'vitest';
import { deleteOld } from '../../src/store/retention.ts';
import { openTestYard } from '../support/yard.ts';

it('deletes settled traffic older than the days, and nothing else', async () => {
  await using yard = await openTestYard({
    backends: { a: { type: 'simulator', identities: 'any' } },
    apps: [],
  });
  // Ids bear the time: an id of long ago is an old message.
  await yard.sql(`
    WITH ages(label, ms, status, retry) AS (VALUES
      ('old and done', 40, 'S', NULL), ('old and errored', 40, 'E', NULL), ('old and queued', 40, 'Q', NULL),
      ('old and to be retried', 40, 'E', 1), ('new', 10, 'S', NULL)
    ), ids AS (
      SELECT *, (lpad(to_hex((EXTRACT(EPOCH FROM now() - ms * interval '1 day') * 1000)::bigint), 12, '0')
        || '7000' || '8000' || lpad(to_hex(row_number() OVER ()), 12, '0'))::uuid AS id FROM ages
    ), c AS (INSERT INTO connections (backend_id, identity) SELECT id, 'phone' FROM backends RETURNING id, backend_id),
    m AS (INSERT INTO messages (id, direction, status, text) SELECT id, 'O', status::status, label FROM ids)
    INSERT INTO transmissions (id, message_id, connection_id, backend_id, status, retry_at)
    SELECT ids.id, ids.id, c.id, c.backend_id, status::status, CASE WHEN retry = 1 THEN now() END FROM ids, c`);
  await yard.sql(`INSERT INTO receipts (backend_id, external_id, provider_status, received)
    SELECT id, 'old', 'x', now() - interval '40 days' FROM backends UNION ALL SELECT id, 'new', 'x', now() FROM backends`);
  await yard.sql(`INSERT INTO correlations (backend_id, external_id, created)
    SELECT id, 'old', now() - interval '40 days' FROM backends UNION ALL SELECT id, 'new', now() FROM backends`);
  const deleted = await deleteOld(yard.database, 30, new AbortController().signal);
  expect(deleted).toEqual({ transmissions: 2, messages: 2, receipts: 1, correlations: 1 });
  const left = await yard.sql<{ text: string }>('SELECT text FROM messages ORDER BY text');
  expect(left.map((row) => row.text)).toEqual(['new', 'old and queued', 'old and to be retried']);
  expect(await yard.sql('SELECT external_id FROM receipts')).toEqual([{ external_id: 'new' }]);
});
