"""What witnesses have cosigned, for ever, and what is known of each witness, which changes."""

from django.db import migrations, models

TABLES = """
CREATE TABLE audit_cosignature (
    log uuid NOT NULL,
    size bigint NOT NULL,
    witness text NOT NULL,
    line text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log, size, witness),
    FOREIGN KEY (log, size) REFERENCES audit_checkpoint
);
CREATE INDEX audit_cosignature_witness ON audit_cosignature (log, witness, size);
CREATE TABLE audit_witness (
    log uuid NOT NULL REFERENCES audit_log,
    witness text NOT NULL,
    size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    cosigned_at timestamptz,
    problem text NOT NULL DEFAULT '' CHECK (
        problem IN ('', 'unreachable', 'unknown_log', 'unknown_key', 'fork', 'ahead', 'no_proof', 'misbehaves')),
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    next_try_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (log, witness)
) WITH (fillfactor = 50);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_cosignature FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE audit_cosignature ENABLE ALWAYS TRIGGER append_only;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_openings")]
    operations = [
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Cosignature",
            fields=[
                ("pk", models.CompositePrimaryKey("log", "size", "witness", blank=True, editable=False, primary_key=True, serialize=False)),
                ("log", models.UUIDField()),
                ("size", models.BigIntegerField()),
                ("witness", models.TextField()),
                ("line", models.TextField()),
                ("received_at", models.DateTimeField()),
            ],
            options={"db_table": "audit_cosignature", "managed": False},
        ),
    ]
