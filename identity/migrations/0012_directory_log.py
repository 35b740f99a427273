import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

# What was stated before has its places in the order of the directory.
PLACES = """
UPDATE identity_statement SET place = numbered.place
FROM (SELECT digest, row_number() OVER (PARTITION BY hospital_id ORDER BY "order") - 1 AS place FROM identity_statement) numbered
WHERE identity_statement.digest = numbered.digest;
"""
# The next place whatever was asked for: no code above can leave a gap, and of two who insert without the directory's lock one fails at the
# constraint. As the audit log's tables, statements and heads stay as signed, in a session that plays a replica too.
PLACE = """
CREATE FUNCTION identity_statement_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT coalesce(max(place) + 1, 0) INTO NEW.place FROM identity_statement WHERE hospital_id = NEW.hospital_id;
    RETURN NEW;
END $$;
CREATE TRIGGER next_place BEFORE INSERT ON identity_statement FOR EACH ROW EXECUTE FUNCTION identity_statement_place();
ALTER TABLE identity_statement ENABLE ALWAYS TRIGGER next_place;
"""
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON identity_statement FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE identity_statement ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON identity_directoryhead FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE identity_directoryhead ENABLE ALWAYS TRIGGER append_only;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_log"),
        ("identity", "0011_emergency_lasts"),
    ]

    operations = [
        migrations.CreateModel(
            name="DirectoryHead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("size", models.BigIntegerField()),
                ("note", models.TextField()),
                ("key", models.BinaryField(max_length=32)),
                (
                    "order",
                    models.BigIntegerField(
                        db_default=models.Func(models.Value("identity_statement_order"), function="nextval"), editable=False, unique=True
                    ),
                ),
                ("signed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "hospital",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="directory_heads", to="identity.hospital"),
                ),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("hospital", "size"), name="directoryhead_size_once")]},
        ),
        migrations.AddField(
            model_name="statement",
            name="leaf",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Func(
                    models.F("signature"),
                    models.F("header"),
                    arg_joiner=" || ",
                    template="sha256('\\x00'::bytea || %(expressions)s)",
                ),
                output_field=models.BinaryField(),
            ),
        ),
        migrations.AddField(
            model_name="statement",
            name="place",
            field=models.BigIntegerField(db_default=0, editable=False),
        ),
        migrations.RunSQL(PLACES, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.UniqueConstraint(fields=("hospital", "place"), name="statement_place_once"),
        ),
        migrations.RunSQL(PLACE + APPEND_ONLY, migrations.RunSQL.noop),
    ]
