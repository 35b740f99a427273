"""The log's tables in SQL: unmanaged, because append-only is the database's rule and no model option says it."""

from django.db import migrations

TABLES = """
CREATE TABLE audit_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    leaf bytea NOT NULL CHECK (octet_length(leaf) BETWEEN 1 AND 65535)
);
CREATE TABLE audit_pending (
    hospital uuid NOT NULL,
    event bigint NOT NULL,
    PRIMARY KEY (hospital, event)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE TABLE audit_index (
    event bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    agent uuid,
    role uuid,
    hospitals uuid[] NOT NULL,
    subjects uuid[] NOT NULL
);
CREATE INDEX audit_index_agent ON audit_index (agent, event);
CREATE INDEX audit_index_subjects ON audit_index USING gin (subjects);
CREATE TABLE audit_log (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    hospital uuid NOT NULL UNIQUE,
    size bigint NOT NULL DEFAULT 0,
    frontier bytea[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
CREATE TABLE audit_leaf (
    log uuid NOT NULL REFERENCES audit_log,
    leaf_index bigint NOT NULL CHECK (leaf_index >= 0),
    event bigint NOT NULL REFERENCES audit_event,
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
    PRIMARY KEY (log, leaf_index),
    UNIQUE (event, log)
);
CREATE TABLE audit_node (
    log uuid NOT NULL REFERENCES audit_log,
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 7),
    node_index bigint NOT NULL CHECK (node_index >= 0),
    node_hash bytea NOT NULL CHECK (octet_length(node_hash) = 32),
    PRIMARY KEY (log, level, node_index)
);
CREATE TABLE audit_checkpoint (
    log uuid NOT NULL REFERENCES audit_log,
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log, size)
);
INSERT INTO audit_log (hospital) VALUES ('00000000-0000-0000-0000-000000000000');
"""

# ENABLE ALWAYS: they fire in a session that plays a replica too (session_replication_role), which would silence an ordinary trigger.
GUARDS = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
""" + "".join(
    f"""
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only;
"""
    for table in ("audit_event", "audit_leaf", "audit_node", "audit_checkpoint")
)


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.RunSQL(TABLES + GUARDS, migrations.RunSQL.noop)]
