"""The newest version of a value is the one that was made last, also when the clock was set back in between."""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION audit_open(subject uuid, field text, value text) RETURNS void LANGUAGE sql VOLATILE AS $$
    WITH salted AS MATERIALIZED (SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS salt)
    INSERT INTO audit_opening (commitment, subject, field, salt, value, made_at)
    SELECT audit_commitment($2, salt, $3), $1, $2, salt, $3, greatest(clock_timestamp(), (
        SELECT max(earlier.made_at) + interval '1 microsecond' FROM audit_opening earlier WHERE earlier.subject = $1 AND earlier.field = $2))
    FROM salted
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_reviews")]
    operations = [migrations.RunSQL(FUNCTION, migrations.RunSQL.noop)]
