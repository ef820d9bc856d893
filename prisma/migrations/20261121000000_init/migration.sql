-- The tables. Everything below "What PostgreSQL shows" is written by hand; the rest follows prisma/schema.prisma.

-- CreateEnum
CREATE TYPE "status" AS ENUM ('Q', 'P', 'R', 'S', 'D', 'E');

-- CreateEnum
CREATE TYPE "direction" AS ENUM ('I', 'O');

-- CreateEnum
CREATE TYPE "backend_state" AS ENUM ('running', 'paused');

-- CreateTable
CREATE TABLE "backends" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "state" "backend_state" NOT NULL DEFAULT 'running',
    "paused_until" TIMESTAMPTZ(3),
    "paused_reason" TEXT,
    "created" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "backends_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "contacts" (
    "id" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL DEFAULT '',
    "language" TEXT NOT NULL DEFAULT '',
    "created" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "modified" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "contacts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "connections" (
    "id" BIGSERIAL NOT NULL,
    "backend_id" INTEGER NOT NULL,
    "identity" TEXT NOT NULL,
    "contact_id" BIGINT,
    "created" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "connections_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "messages" (
    "id" UUID NOT NULL,
    "status" "status" NOT NULL DEFAULT 'Q',
    "direction" "direction" NOT NULL,
    "date" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "sent" TIMESTAMPTZ(3),
    "delivered" TIMESTAMPTZ(3),
    "text" TEXT NOT NULL,
    "backend_id" INTEGER,
    "external_id" TEXT,
    "in_response_to_id" UUID,
    "idempotency_key" TEXT,
    "priority" SMALLINT NOT NULL DEFAULT 0,
    "send_at" TIMESTAMPTZ(3),
    "valid_until" TIMESTAMPTZ(3),
    "recipients" INTEGER NOT NULL DEFAULT 1,
    "sent_count" INTEGER NOT NULL DEFAULT 0,
    "delivered_count" INTEGER NOT NULL DEFAULT 0,
    "errored_count" INTEGER NOT NULL DEFAULT 0,
    "error" TEXT,
    "fields" JSONB,

    CONSTRAINT "messages_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "transmissions" (
    "id" UUID NOT NULL,
    "message_id" UUID NOT NULL,
    "connection_id" BIGINT NOT NULL,
    "backend_id" INTEGER NOT NULL,
    "status" "status" NOT NULL DEFAULT 'Q',
    "date" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "sent" TIMESTAMPTZ(3),
    "delivered" TIMESTAMPTZ(3),
    "external_id" TEXT,
    "error_code" TEXT,
    "error_message" TEXT,
    "attempts" SMALLINT NOT NULL DEFAULT 0,
    "segments" SMALLINT,
    "retry_at" TIMESTAMPTZ(3),
    "dead_at" TIMESTAMPTZ(3),
    "claim_token" UUID,
    "lease_until" TIMESTAMPTZ(3),
    "text" TEXT,

    CONSTRAINT "transmissions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "receipts" (
    "backend_id" INTEGER NOT NULL,
    "external_id" TEXT NOT NULL,
    "provider_status" TEXT NOT NULL,
    "status" "status",
    "transmission_id" UUID,
    "error_code" TEXT,
    "error_message" TEXT,
    "occurred" TIMESTAMPTZ(3),
    "received" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "raw" JSONB,

    CONSTRAINT "receipts_pkey" PRIMARY KEY ("backend_id","external_id","provider_status")
);

-- CreateTable
CREATE TABLE "correlations" (
    "backend_id" INTEGER NOT NULL,
    "external_id" TEXT NOT NULL,
    "transmission_id" UUID,
    "part" SMALLINT NOT NULL DEFAULT 1,
    "parts" SMALLINT NOT NULL DEFAULT 1,
    "log_id" TEXT NOT NULL DEFAULT '',
    "hook_metadata" TEXT NOT NULL DEFAULT '',
    "created" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "correlations_pkey" PRIMARY KEY ("backend_id","external_id")
);

-- CreateTable
CREATE TABLE "suppressions" (
    "identity" TEXT NOT NULL,
    "scope" TEXT NOT NULL DEFAULT '*',
    "reason" TEXT NOT NULL,
    "created" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "suppressions_pkey" PRIMARY KEY ("identity","scope")
);

-- CreateTable
CREATE TABLE "assignment_messages_status" (
    "message_sid" VARCHAR(50) NOT NULL,
    "assignment_message_id" BIGINT,
    "assignment_id" BIGINT,
    "contact_id" BIGINT,
    "service_phone" TEXT,
    "status" "status",
    "provider_status" VARCHAR(50),
    "error_code" VARCHAR(50),
    "date" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "sent" TIMESTAMPTZ(3),
    "raw" JSONB,

    CONSTRAINT "assignment_messages_status_pkey" PRIMARY KEY ("message_sid")
);

-- CreateTable
CREATE TABLE "workers" (
    "id" UUID NOT NULL,
    "host" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "version" TEXT NOT NULL,
    "backends" TEXT[],
    "started" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "seen" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "workers_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "backends_name_key" ON "backends"("name");

-- CreateIndex
CREATE INDEX "connections_contact_id_idx" ON "connections"("contact_id") WHERE (contact_id IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "connections_backend_id_identity_key" ON "connections"("backend_id", "identity");

-- CreateIndex
CREATE INDEX "messages_in_response_to_id_idx" ON "messages"("in_response_to_id") WHERE (in_response_to_id IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "messages_backend_id_external_id_key" ON "messages"("backend_id", "external_id") WHERE (direction = 'I'::direction AND external_id IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "messages_idempotency_key_key" ON "messages"("idempotency_key") WHERE (idempotency_key IS NOT NULL);

-- CreateIndex
CREATE INDEX "transmissions_connection_id_idx" ON "transmissions"("connection_id");

-- CreateIndex
CREATE INDEX "transmissions_dead_at_idx" ON "transmissions"("dead_at") WHERE (dead_at IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "transmissions_message_id_connection_id_key" ON "transmissions"("message_id", "connection_id");

-- CreateIndex
CREATE INDEX "receipts_parked_idx" ON "receipts"("received") WHERE (transmission_id IS NULL);

-- CreateIndex
CREATE INDEX "receipts_received_idx" ON "receipts" USING BRIN ("received");

-- CreateIndex
CREATE INDEX "correlations_created_idx" ON "correlations" USING BRIN ("created");

-- CreateIndex
CREATE INDEX "assignment_messages_status_assignment_id_idx" ON "assignment_messages_status"("assignment_id");

-- AddForeignKey
ALTER TABLE "connections" ADD CONSTRAINT "connections_backend_id_fkey" FOREIGN KEY ("backend_id") REFERENCES "backends"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "connections" ADD CONSTRAINT "connections_contact_id_fkey" FOREIGN KEY ("contact_id") REFERENCES "contacts"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "messages" ADD CONSTRAINT "messages_backend_id_fkey" FOREIGN KEY ("backend_id") REFERENCES "backends"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "messages" ADD CONSTRAINT "messages_in_response_to_id_fkey" FOREIGN KEY ("in_response_to_id") REFERENCES "messages"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transmissions" ADD CONSTRAINT "transmissions_message_id_fkey" FOREIGN KEY ("message_id") REFERENCES "messages"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transmissions" ADD CONSTRAINT "transmissions_connection_id_fkey" FOREIGN KEY ("connection_id") REFERENCES "connections"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Rows of these two are updated several times in their first minutes. Free space in the page lets
-- PostgreSQL do that without touching the indexes (HOT), and vacuum comes before bloat does.
ALTER TABLE "transmissions" SET (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0.1,
    autovacuum_analyze_scale_factor = 0.02,
    autovacuum_analyze_threshold = 5000,
    autovacuum_vacuum_cost_delay = 1,
    autovacuum_vacuum_cost_limit = 2000
);
ALTER TABLE "messages" SET (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0.05
);
ALTER TABLE "assignment_messages_status" SET (fillfactor = 80);

-- What PostgreSQL shows (\d+).
COMMENT ON TYPE "status" IS 'Q queued, P processing, R received, S sent, D delivered, E errored.';
COMMENT ON TYPE "direction" IS 'I inbound (from a phone), O outbound (to phones).';
COMMENT ON TYPE "backend_state" IS 'running: is handed work; paused: its work stays queued.';

COMMENT ON TABLE "backends" IS 'Named ways out to phones, such as twilio-main or smpp-mtn; a row is made when the backend is first configured.';
COMMENT ON COLUMN "backends"."id" IS 'Number that other tables refer to.';
COMMENT ON COLUMN "backends"."name" IS 'Name in the configuration; unique.';
COMMENT ON COLUMN "backends"."state" IS 'running, or paused: nothing is sent and its work stays queued.';
COMMENT ON COLUMN "backends"."paused_until" IS 'When a pause ends by itself; null while running, or when somebody must resume it.';
COMMENT ON COLUMN "backends"."paused_reason" IS 'Why it is paused, for people to read.';
COMMENT ON COLUMN "backends"."created" IS 'When the backend was first configured.';

COMMENT ON TABLE "contacts" IS 'People, each with any number of connections.';
COMMENT ON COLUMN "contacts"."id" IS 'Number that connections refer to.';
COMMENT ON COLUMN "contacts"."name" IS 'Name of the person; empty if not known.';
COMMENT ON COLUMN "contacts"."language" IS 'Language the person prefers, as a BCP 47 tag such as en or fr-CA; empty if not known.';
COMMENT ON COLUMN "contacts"."created" IS 'When the contact was made.';
COMMENT ON COLUMN "contacts"."modified" IS 'When the contact was last changed.';

COMMENT ON TABLE "connections" IS 'One phone on one line: a backend and an identity; unique by both.';
COMMENT ON COLUMN "connections"."id" IS 'Number that transmissions refer to.';
COMMENT ON COLUMN "connections"."backend_id" IS 'The line: backends.id.';
COMMENT ON COLUMN "connections"."identity" IS 'The phone number, in E.164 (+15551234567) where the backend''s numbers are, or another address.';
COMMENT ON COLUMN "connections"."contact_id" IS 'Whose phone it is: contacts.id; null if not known.';
COMMENT ON COLUMN "connections"."created" IS 'When the connection was first written to or heard from.';

COMMENT ON TABLE "messages" IS 'One text, inbound or outbound; its recipients (or its sender) are in transmissions.';
COMMENT ON COLUMN "messages"."id" IS 'UUIDv7 made by the application; sorts by time.';
COMMENT ON COLUMN "messages"."status" IS 'Inbound: Q queued, R received (handled), E errored. Outbound, from all its transmissions: Q queued, P processing, S sent to all, D delivered to all, E errored for at least one.';
COMMENT ON COLUMN "messages"."direction" IS 'I inbound, O outbound.';
COMMENT ON COLUMN "messages"."date" IS 'When the message was stored here.';
COMMENT ON COLUMN "messages"."updated" IS 'When anything in this row last changed.';
COMMENT ON COLUMN "messages"."sent" IS 'Outbound: when the last of its transmissions was accepted by the provider; null before.';
COMMENT ON COLUMN "messages"."delivered" IS 'Outbound: when the last of its transmissions was reported as delivered; null before.';
COMMENT ON COLUMN "messages"."text" IS 'The text; transmissions.text overrides it for a recipient with a text of their own.';
COMMENT ON COLUMN "messages"."backend_id" IS 'Inbound: the backend it came in by (backends.id). Outbound: null, since recipients may be on several.';
COMMENT ON COLUMN "messages"."external_id" IS 'Inbound: the provider''s id of the message; with backend_id unique, so a repeated webhook is handled once.';
COMMENT ON COLUMN "messages"."in_response_to_id" IS 'A reply: the inbound message it answers (messages.id).';
COMMENT ON COLUMN "messages"."idempotency_key" IS 'Outbound: the caller''s key; unique, so that sending again with the same key sends nothing.';
COMMENT ON COLUMN "messages"."priority" IS 'Higher goes first; 0 is usual, replies have 10.';
COMMENT ON COLUMN "messages"."send_at" IS 'Outbound: not sent before this time; null means at once.';
COMMENT ON COLUMN "messages"."valid_until" IS 'Outbound: not sent after this time; what is left then becomes E with error code expired.';
COMMENT ON COLUMN "messages"."recipients" IS 'How many transmissions the message has.';
COMMENT ON COLUMN "messages"."sent_count" IS 'How many of its transmissions are in S now (sent, delivery not reported); those already delivered are not counted here.';
COMMENT ON COLUMN "messages"."delivered_count" IS 'How many of its transmissions are in D now.';
COMMENT ON COLUMN "messages"."errored_count" IS 'How many of its transmissions are in E now, those that will be retried included.';
COMMENT ON COLUMN "messages"."error" IS 'Inbound: what went wrong when an app handled it; null if nothing did.';
COMMENT ON COLUMN "messages"."fields" IS 'Inbound: what the provider gave along. Outbound: what the caller gave along for the backend.';

COMMENT ON TABLE "transmissions" IS 'One message to, or from, one connection, and all that happened to it.';
COMMENT ON COLUMN "transmissions"."id" IS 'UUIDv7 made by the application; sorts by time and, within a message, by recipient.';
COMMENT ON COLUMN "transmissions"."message_id" IS 'The message: messages.id.';
COMMENT ON COLUMN "transmissions"."connection_id" IS 'The phone: connections.id; once per message.';
COMMENT ON COLUMN "transmissions"."backend_id" IS 'The backend, the same as the connection''s (backends.id); here so that reports need no join.';
COMMENT ON COLUMN "transmissions"."status" IS 'Inbound: Q queued, R received, E errored. Outbound: Q queued, P processing (with a worker), S sent (accepted by the provider), D delivered, E errored.';
COMMENT ON COLUMN "transmissions"."date" IS 'When the transmission was stored here.';
COMMENT ON COLUMN "transmissions"."updated" IS 'When anything in this row last changed.';
COMMENT ON COLUMN "transmissions"."sent" IS 'When the provider accepted it; null before.';
COMMENT ON COLUMN "transmissions"."delivered" IS 'When the provider reported delivery; null before.';
COMMENT ON COLUMN "transmissions"."external_id" IS 'The provider''s id of the message, such as a Twilio sid; null until accepted.';
COMMENT ON COLUMN "transmissions"."error_code" IS 'Why it last failed, from a closed list such as invalid_number, throttled or unknown_outcome; see the README.';
COMMENT ON COLUMN "transmissions"."error_message" IS 'The provider''s words for the error.';
COMMENT ON COLUMN "transmissions"."attempts" IS 'How many times it was handed to the backend.';
COMMENT ON COLUMN "transmissions"."segments" IS 'How many SMS parts the text takes, which is what providers charge for; null if not counted.';
COMMENT ON COLUMN "transmissions"."retry_at" IS 'In E: when it is tried again; null if it is not.';
COMMENT ON COLUMN "transmissions"."dead_at" IS 'In E: when it was given up, to be looked at and resent by a person; null otherwise.';
COMMENT ON COLUMN "transmissions"."claim_token" IS 'In P: which claim holds it; a result is written only where the token still matches.';
COMMENT ON COLUMN "transmissions"."lease_until" IS 'In P: until when the claim counts; after that another worker may take it over.';
COMMENT ON COLUMN "transmissions"."text" IS 'The text for this recipient where it differs from messages.text; null where it does not.';

COMMENT ON TABLE "receipts" IS 'What a provider told us of a transmission, once per provider id and provider status. Parked while transmission_id is null.';
COMMENT ON COLUMN "receipts"."backend_id" IS 'The backend it came in by: backends.id.';
COMMENT ON COLUMN "receipts"."external_id" IS 'The provider''s id of the message it is about.';
COMMENT ON COLUMN "receipts"."provider_status" IS 'The status in the provider''s words, such as undelivered or DELIVRD.';
COMMENT ON COLUMN "receipts"."status" IS 'The status it stands for here: S sent, D delivered, E errored; null if it changes nothing.';
COMMENT ON COLUMN "receipts"."transmission_id" IS 'The transmission it was matched to (transmissions.id); null while the provider''s id is not known here.';
COMMENT ON COLUMN "receipts"."error_code" IS 'Our code for the error it reports; see transmissions.error_code.';
COMMENT ON COLUMN "receipts"."error_message" IS 'The provider''s code or words for the error.';
COMMENT ON COLUMN "receipts"."occurred" IS 'When it happened, by the provider''s clock; null if not told.';
COMMENT ON COLUMN "receipts"."received" IS 'When the receipt was stored here.';
COMMENT ON COLUMN "receipts"."raw" IS 'The receipt as it came in.';

COMMENT ON TABLE "correlations" IS 'From a provider''s message id back to our transmission; kept for days, until no receipt can come any more.';
COMMENT ON COLUMN "correlations"."backend_id" IS 'The backend: backends.id.';
COMMENT ON COLUMN "correlations"."external_id" IS 'The provider''s id of the message or of one part of it.';
COMMENT ON COLUMN "correlations"."transmission_id" IS 'Our transmission (transmissions.id); null if it was stored by a program that has none.';
COMMENT ON COLUMN "correlations"."part" IS 'Which part of a long message it is, from 1.';
COMMENT ON COLUMN "correlations"."parts" IS 'How many parts the message has.';
COMMENT ON COLUMN "correlations"."log_id" IS 'The id given by the program that sent it (naz: log_id); empty if none.';
COMMENT ON COLUMN "correlations"."hook_metadata" IS 'What that program wants back with the receipt (naz: hook_metadata); empty if nothing.';
COMMENT ON COLUMN "correlations"."created" IS 'When it was stored; old ones are removed by this.';

COMMENT ON TABLE "suppressions" IS 'People who asked not to be texted; what is sent to them becomes E with error code suppressed.';
COMMENT ON COLUMN "suppressions"."identity" IS 'The phone number or address, as in connections.identity.';
COMMENT ON COLUMN "suppressions"."scope" IS 'The name of the backend it holds for, or * for all.';
COMMENT ON COLUMN "suppressions"."reason" IS 'Why, such as the word that was texted (STOP) or the provider''s error code.';
COMMENT ON COLUMN "suppressions"."created" IS 'When the person opted out.';

COMMENT ON TABLE "assignment_messages_status" IS 'The fate of each message of a campaign, asked of Twilio by its sid; joins transmissions by external_id.';
COMMENT ON COLUMN "assignment_messages_status"."message_sid" IS 'Twilio''s id of the message (SM… or MM…).';
COMMENT ON COLUMN "assignment_messages_status"."assignment_message_id" IS 'The message''s number in the campaign system; null if not known.';
COMMENT ON COLUMN "assignment_messages_status"."assignment_id" IS 'The assignment''s number in the campaign system; null if not known.';
COMMENT ON COLUMN "assignment_messages_status"."contact_id" IS 'The contact''s number in the campaign system, which is not contacts.id; null if not known.';
COMMENT ON COLUMN "assignment_messages_status"."service_phone" IS 'The number it was sent from, in E.164.';
COMMENT ON COLUMN "assignment_messages_status"."status" IS 'Q queued, P processing, S sent, D delivered, E errored; null until Twilio was asked.';
COMMENT ON COLUMN "assignment_messages_status"."provider_status" IS 'Twilio''s word for the status, such as delivered or undelivered.';
COMMENT ON COLUMN "assignment_messages_status"."error_code" IS 'Twilio''s error number, such as 30007; null if there was none.';
COMMENT ON COLUMN "assignment_messages_status"."date" IS 'When the row was made.';
COMMENT ON COLUMN "assignment_messages_status"."updated" IS 'When Twilio was last asked.';
COMMENT ON COLUMN "assignment_messages_status"."sent" IS 'When Twilio sent it, by Twilio''s clock.';
COMMENT ON COLUMN "assignment_messages_status"."raw" IS 'Twilio''s last answer, whole.';

COMMENT ON TABLE "workers" IS 'Worker processes that are, or were lately, at work.';
COMMENT ON COLUMN "workers"."id" IS 'UUIDv7 made when the process started.';
COMMENT ON COLUMN "workers"."host" IS 'Name of the machine.';
COMMENT ON COLUMN "workers"."pid" IS 'Process id on that machine.';
COMMENT ON COLUMN "workers"."version" IS 'Version of Textyard it runs.';
COMMENT ON COLUMN "workers"."backends" IS 'Names of the backends it works for; empty means all.';
COMMENT ON COLUMN "workers"."started" IS 'When it started.';
COMMENT ON COLUMN "workers"."seen" IS 'When it last said that it is alive; some seconds apart.';
