-- The reporting views: part of the public interface, so columns are added and never changed.

-- Counted from the transmissions themselves, so it also tells what is queued and what is processing:
-- one index look-up per message shown.
CREATE VIEW "report_message_delivery" AS
SELECT
    m.id AS message_id,
    m.direction,
    m.text,
    m.date,
    m.status,
    m.recipients,
    t.queued,
    t.processing,
    t.sent,
    t.delivered,
    t.errored,
    CASE WHEN m.direction = 'O' THEN round(t.delivered::numeric / NULLIF(t.transmissions, 0), 4) END AS delivery_rate,
    t.first_sent,
    t.last_delivered
FROM "messages" m
CROSS JOIN LATERAL (
    SELECT
        count(*)::int AS transmissions,
        (count(*) FILTER (WHERE x.status = 'Q'))::int AS queued,
        (count(*) FILTER (WHERE x.status = 'P'))::int AS processing,
        (count(*) FILTER (WHERE x.status = 'S'))::int AS sent,
        (count(*) FILTER (WHERE x.status = 'D'))::int AS delivered,
        (count(*) FILTER (WHERE x.status = 'E'))::int AS errored,
        min(x.sent) AS first_sent,
        max(x.delivered) AS last_delivered
    FROM "transmissions" x
    WHERE x.message_id = m.id
) t;

COMMENT ON VIEW "report_message_delivery" IS 'One row per message: how many of its recipients stand where, and how many were reached.';
COMMENT ON COLUMN "report_message_delivery"."message_id" IS 'messages.id.';
COMMENT ON COLUMN "report_message_delivery"."direction" IS 'I inbound, O outbound.';
COMMENT ON COLUMN "report_message_delivery"."text" IS 'The text of the message.';
COMMENT ON COLUMN "report_message_delivery"."date" IS 'When the message was stored.';
COMMENT ON COLUMN "report_message_delivery"."status" IS 'The message''s status letter; see messages.status.';
COMMENT ON COLUMN "report_message_delivery"."recipients" IS 'How many recipients it was meant for.';
COMMENT ON COLUMN "report_message_delivery"."queued" IS 'Transmissions in Q, waiting.';
COMMENT ON COLUMN "report_message_delivery"."processing" IS 'Transmissions in P, with a worker.';
COMMENT ON COLUMN "report_message_delivery"."sent" IS 'Transmissions in S: accepted by the provider, delivery not reported.';
COMMENT ON COLUMN "report_message_delivery"."delivered" IS 'Transmissions in D.';
COMMENT ON COLUMN "report_message_delivery"."errored" IS 'Transmissions in E, those that will be retried included.';
COMMENT ON COLUMN "report_message_delivery"."delivery_rate" IS 'Outbound: delivered out of all transmissions, 0 to 1; null if there are none.';
COMMENT ON COLUMN "report_message_delivery"."first_sent" IS 'When the first was accepted by the provider.';
COMMENT ON COLUMN "report_message_delivery"."last_delivered" IS 'When the last was reported as delivered.';

CREATE VIEW "report_backend_hourly" AS
SELECT
    b.name AS backend,
    date_trunc('hour', t.date) AS hour,
    count(*) FILTER (WHERE m.direction = 'I') AS inbound,
    count(*) FILTER (WHERE m.direction = 'O') AS outbound,
    count(*) FILTER (WHERE m.direction = 'O' AND t.status IN ('S', 'D')) AS sent,
    count(*) FILTER (WHERE m.direction = 'O' AND t.status = 'D') AS delivered,
    count(*) FILTER (WHERE t.status = 'E') AS errored,
    round(extract(epoch FROM avg(t.sent - t.date) FILTER (WHERE m.direction = 'O')), 3) AS average_seconds_to_sent,
    round(extract(epoch FROM avg(t.delivered - t.sent) FILTER (WHERE m.direction = 'O')), 3) AS average_seconds_to_delivered
FROM "transmissions" t
JOIN "messages" m ON m.id = t.message_id
JOIN "backends" b ON b.id = t.backend_id
GROUP BY b.name, date_trunc('hour', t.date);

COMMENT ON VIEW "report_backend_hourly" IS 'One row per backend and hour, by the time the transmissions were stored: traffic, results and speed.';
COMMENT ON COLUMN "report_backend_hourly"."backend" IS 'backends.name.';
COMMENT ON COLUMN "report_backend_hourly"."hour" IS 'Start of the hour, in the session''s time zone.';
COMMENT ON COLUMN "report_backend_hourly"."inbound" IS 'Texts that came in.';
COMMENT ON COLUMN "report_backend_hourly"."outbound" IS 'Transmissions to send.';
COMMENT ON COLUMN "report_backend_hourly"."sent" IS 'Of these, accepted by the provider (S or D now).';
COMMENT ON COLUMN "report_backend_hourly"."delivered" IS 'Of these, reported as delivered (D now).';
COMMENT ON COLUMN "report_backend_hourly"."errored" IS 'Transmissions in E, in or out.';
COMMENT ON COLUMN "report_backend_hourly"."average_seconds_to_sent" IS 'Seconds from stored to accepted, on average; null if none was.';
COMMENT ON COLUMN "report_backend_hourly"."average_seconds_to_delivered" IS 'Seconds from accepted to delivered, on average; null if none was.';

CREATE VIEW "report_errors" AS
SELECT
    b.name AS backend,
    t.error_code,
    count(*) AS transmissions,
    count(*) FILTER (WHERE t.retry_at IS NOT NULL) AS to_be_retried,
    min(t.updated) AS first_seen,
    max(t.updated) AS last_seen,
    (array_agg(t.error_message ORDER BY t.updated DESC) FILTER (WHERE t.error_message IS NOT NULL))[1] AS sample
FROM "transmissions" t
JOIN "backends" b ON b.id = t.backend_id
WHERE t.status = 'E'
GROUP BY b.name, t.error_code;

COMMENT ON VIEW "report_errors" IS 'One row per backend and error code: what is in E now.';
COMMENT ON COLUMN "report_errors"."backend" IS 'backends.name.';
COMMENT ON COLUMN "report_errors"."error_code" IS 'The error code; see transmissions.error_code.';
COMMENT ON COLUMN "report_errors"."transmissions" IS 'How many transmissions failed with it.';
COMMENT ON COLUMN "report_errors"."to_be_retried" IS 'How many of them will be tried again.';
COMMENT ON COLUMN "report_errors"."first_seen" IS 'When the earliest of them failed.';
COMMENT ON COLUMN "report_errors"."last_seen" IS 'When the latest of them failed.';
COMMENT ON COLUMN "report_errors"."sample" IS 'The provider''s words for the latest of them.';

CREATE VIEW "report_assignment_delivery" AS
SELECT
    a.assignment_id,
    a.service_phone,
    COALESCE(a.status, t.status) AS status,
    COALESCE(a.error_code, t.error_code) AS error_code,
    count(DISTINCT a.message_sid) AS messages,
    count(DISTINCT t.id) AS transmissions,
    COALESCE(sum(t.segments), 0) AS segments,
    min(a.sent) AS first_sent,
    max(a.sent) AS last_sent,
    max(a.updated) AS last_checked
FROM "assignment_messages_status" a
LEFT JOIN "transmissions" t ON t.external_id = a.message_sid
GROUP BY a.assignment_id, a.service_phone, COALESCE(a.status, t.status), COALESCE(a.error_code, t.error_code);

COMMENT ON VIEW "report_assignment_delivery" IS 'One row per assignment, sending number, status and error code: how many messages of the campaign ended so.';
COMMENT ON COLUMN "report_assignment_delivery"."assignment_id" IS 'The assignment''s number in the campaign system.';
COMMENT ON COLUMN "report_assignment_delivery"."service_phone" IS 'The number they were sent from.';
COMMENT ON COLUMN "report_assignment_delivery"."status" IS 'The status letter from Twilio; before Twilio was asked, the transmission''s.';
COMMENT ON COLUMN "report_assignment_delivery"."error_code" IS 'Twilio''s error number; without one, the transmission''s error code.';
COMMENT ON COLUMN "report_assignment_delivery"."messages" IS 'How many messages.';
COMMENT ON COLUMN "report_assignment_delivery"."transmissions" IS 'How many of them were sent through here (their sid is a transmission''s external_id).';
COMMENT ON COLUMN "report_assignment_delivery"."segments" IS 'SMS parts of those sent through here.';
COMMENT ON COLUMN "report_assignment_delivery"."first_sent" IS 'When Twilio sent the first.';
COMMENT ON COLUMN "report_assignment_delivery"."last_sent" IS 'When Twilio sent the last.';
COMMENT ON COLUMN "report_assignment_delivery"."last_checked" IS 'When Twilio was last asked about one of them.';

CREATE VIEW "report_connection_history" AS
SELECT
    t.id AS transmission_id,
    t.message_id,
    c.identity,
    c.contact_id,
    p.name AS contact,
    b.name AS backend,
    m.direction,
    COALESCE(t.text, m.text) AS text,
    t.status,
    t.external_id,
    t.error_code,
    t.error_message,
    t.attempts,
    t.segments,
    t.date,
    t.sent,
    t.delivered,
    t.updated
FROM "transmissions" t
JOIN "messages" m ON m.id = t.message_id
JOIN "connections" c ON c.id = t.connection_id
JOIN "backends" b ON b.id = t.backend_id
LEFT JOIN "contacts" p ON p.id = c.contact_id;

COMMENT ON VIEW "report_connection_history" IS 'One row per transmission: who was texted, or texted us, on which line, and what came of it. Filter by identity.';
COMMENT ON COLUMN "report_connection_history"."transmission_id" IS 'transmissions.id.';
COMMENT ON COLUMN "report_connection_history"."message_id" IS 'messages.id.';
COMMENT ON COLUMN "report_connection_history"."identity" IS 'The phone number or address.';
COMMENT ON COLUMN "report_connection_history"."contact_id" IS 'contacts.id; null if whose phone it is is not known.';
COMMENT ON COLUMN "report_connection_history"."contact" IS 'The contact''s name.';
COMMENT ON COLUMN "report_connection_history"."backend" IS 'backends.name.';
COMMENT ON COLUMN "report_connection_history"."direction" IS 'I inbound, O outbound.';
COMMENT ON COLUMN "report_connection_history"."text" IS 'The text as sent to, or received from, this phone.';
COMMENT ON COLUMN "report_connection_history"."status" IS 'The status letter; see transmissions.status.';
COMMENT ON COLUMN "report_connection_history"."external_id" IS 'The provider''s id.';
COMMENT ON COLUMN "report_connection_history"."error_code" IS 'Why it last failed; null if it did not.';
COMMENT ON COLUMN "report_connection_history"."error_message" IS 'The provider''s words for the error.';
COMMENT ON COLUMN "report_connection_history"."attempts" IS 'How many times it was handed to the backend.';
COMMENT ON COLUMN "report_connection_history"."segments" IS 'How many SMS parts the text takes.';
COMMENT ON COLUMN "report_connection_history"."date" IS 'When it was stored.';
COMMENT ON COLUMN "report_connection_history"."sent" IS 'When the provider accepted it.';
COMMENT ON COLUMN "report_connection_history"."delivered" IS 'When it was reported as delivered.';
COMMENT ON COLUMN "report_connection_history"."updated" IS 'When it last changed.';

CREATE VIEW "report_inbound_replies" AS
SELECT
    i.id AS message_id,
    b.name AS backend,
    c.identity,
    i.date,
    i.text,
    i.status,
    i.error,
    r.id AS reply_id,
    r.text AS reply_text,
    r.status AS reply_status,
    r.date AS reply_date,
    r.sent AS reply_sent,
    round(extract(epoch FROM r.date - i.date), 3) AS seconds_to_answer,
    round(extract(epoch FROM r.sent - i.date), 3) AS seconds_to_sent
FROM "messages" i
LEFT JOIN "backends" b ON b.id = i.backend_id
LEFT JOIN "transmissions" t ON t.message_id = i.id
LEFT JOIN "connections" c ON c.id = t.connection_id
LEFT JOIN "messages" r ON r.in_response_to_id = i.id
WHERE i.direction = 'I';

COMMENT ON VIEW "report_inbound_replies" IS 'One row per inbound message and reply; an inbound message without a reply has one row with reply columns null.';
COMMENT ON COLUMN "report_inbound_replies"."message_id" IS 'messages.id of the inbound message.';
COMMENT ON COLUMN "report_inbound_replies"."backend" IS 'backends.name it came in by.';
COMMENT ON COLUMN "report_inbound_replies"."identity" IS 'Who texted.';
COMMENT ON COLUMN "report_inbound_replies"."date" IS 'When it was stored here.';
COMMENT ON COLUMN "report_inbound_replies"."text" IS 'What was texted.';
COMMENT ON COLUMN "report_inbound_replies"."status" IS 'Q queued, R received (handled), E errored.';
COMMENT ON COLUMN "report_inbound_replies"."error" IS 'What went wrong when an app handled it.';
COMMENT ON COLUMN "report_inbound_replies"."reply_id" IS 'messages.id of the reply.';
COMMENT ON COLUMN "report_inbound_replies"."reply_text" IS 'What was answered.';
COMMENT ON COLUMN "report_inbound_replies"."reply_status" IS 'The reply''s status letter; see messages.status.';
COMMENT ON COLUMN "report_inbound_replies"."reply_date" IS 'When the reply was stored.';
COMMENT ON COLUMN "report_inbound_replies"."reply_sent" IS 'When the provider accepted the reply.';
COMMENT ON COLUMN "report_inbound_replies"."seconds_to_answer" IS 'Seconds from the inbound message to the stored reply.';
COMMENT ON COLUMN "report_inbound_replies"."seconds_to_sent" IS 'Seconds from the inbound message until the provider accepted the reply.';
