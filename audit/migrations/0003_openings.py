"""Personal values beside the log: a leaf holds ``commitment``, the value and its salt lie here and can be erased."""

from django.db import migrations, models

TABLE = """
CREATE TABLE audit_opening (
    commitment bytea PRIMARY KEY,
    subject uuid NOT NULL,
    field text NOT NULL,
    salt bytea NOT NULL CHECK (octet_length(salt) = 32),
    value text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audit_opening_newest ON audit_opening (subject, field, made_at DESC) INCLUDE (commitment);

CREATE FUNCTION audit_commitment(field text, salt bytea, value text) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to('wardline-audit/1 opening', 'UTF8') || '\\x00'::bytea || convert_to(field, 'UTF8') || '\\x00'::bytea
        || salt || convert_to(value, 'UTF8'))
$$;

-- gen_random_uuid() draws from the server's strong random source: 122 bits each, so a salt has 244.
CREATE FUNCTION audit_open(subject uuid, field text, value text) RETURNS void LANGUAGE sql VOLATILE AS $$
    WITH salted AS MATERIALIZED (SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS salt)
    INSERT INTO audit_opening (commitment, subject, field, salt, value)
    SELECT audit_commitment(field, salt, value), subject, field, salt, value FROM salted
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_models")]
    operations = [
        migrations.RunSQL(TABLE, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Opening",
            fields=[
                ("commitment", models.BinaryField(primary_key=True, serialize=False)),
                ("subject", models.UUIDField()),
                ("field", models.TextField()),
                ("salt", models.BinaryField()),
                ("value", models.TextField()),
                ("made_at", models.DateTimeField()),
            ],
            options={"db_table": "audit_opening", "managed": False},
        ),
    ]
