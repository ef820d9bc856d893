/**
 * A message's status is kept by counting what changes, never by looking at all its transmissions:
 * the cost of a batch does not grow with the message.
 */

/** The status that follows from the counts named by the four expressions (see sms/status.ts). */
function statusFromCounts(errored: string, sent: string, delivered: string, recipients: string): string {
  return `(CASE WHEN ${errored} > 0 THEN 'E'
      WHEN ${sent} + ${delivered} < ${recipients} THEN 'P'
      WHEN ${delivered} < ${recipients} THEN 'S'
      ELSE 'D' END)::status`;
}

/**
 * An UPDATE of `messages` from a CTE called `changes(message_id, sent, delivered, errored)`, whose
 * numbers are the differences. The rows are taken in order of id, so that two of these do not
 * wait for each other in a circle.
 */
export const SETTLE_MESSAGES = `
UPDATE messages m SET
  sent_count = m.sent_count + c.sent,
  delivered_count = m.delivered_count + c.delivered,
  errored_count = m.errored_count + c.errored,
  status = ${statusFromCounts('m.errored_count + c.errored', 'm.sent_count + c.sent', 'm.delivered_count + c.delivered', 'm.recipients')},
  sent = CASE WHEN m.errored_count + c.errored = 0
      AND m.sent_count + c.sent + m.delivered_count + c.delivered >= m.recipients
      THEN COALESCE(m.sent, now()) ELSE m.sent END,
  delivered = CASE WHEN m.delivered_count + c.delivered >= m.recipients
      THEN COALESCE(m.delivered, now()) ELSE m.delivered END,
  updated = now()
FROM (SELECT * FROM changes ORDER BY message_id) c
WHERE m.id = c.message_id`;

/** The rank of a status expression, as in sms/status.ts: a receipt may only raise it. */
export function rankOf(status: string): string {
  return `(CASE ${status} WHEN 'Q' THEN 0 WHEN 'P' THEN 1 WHEN 'R' THEN 1 WHEN 'S' THEN 2 WHEN 'E' THEN 3 ELSE 4 END)`;
}
