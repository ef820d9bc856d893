-- A role for reporting tools: reads every table and view, writes nothing, does not see the queue.
-- Run as the owner of the tables, as often as you like:
--
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f prisma/roles/readonly.sql
--
-- then give it to a login of your own:
--
--   CREATE ROLE grafana LOGIN PASSWORD '…' IN ROLE textyard_reader;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'textyard_reader') THEN
        CREATE ROLE textyard_reader NOLOGIN;
    END IF;
EXCEPTION
    -- Two databases of one server may run this at the same moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

DO $$
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO textyard_reader', current_database());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO textyard_reader', current_schema());
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO textyard_reader', current_schema());
    -- Tables and views that later migrations make.
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON TABLES TO textyard_reader', current_schema());
END
$$;

COMMENT ON ROLE textyard_reader IS 'Reads Textyard''s tables and reporting views; writes nothing.';
