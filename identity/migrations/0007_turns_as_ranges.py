"""Turns become ranges of time: no two of one role overlap, and who holds a role is whose turn contains the present moment."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.db.models.functions.datetime
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models

import identity.models.duty

HOLDER = """
    CREATE VIEW identity_holder AS
    SELECT id, role_id, person_id, started_at, until, ended_at FROM identity_duty
    WHERE tstzrange(started_at, ended_at) @> statement_timestamp()
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0006_idle_lock_in_bounds")]

    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name="Holder",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("until", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "identity_holder", "managed": False},
        ),
        migrations.RemoveConstraint(model_name="duty", name="duty_one_holder"),
        migrations.AlterField(
            model_name="duty",
            name="started_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddConstraint(
            model_name="duty",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                name="duty_one_holder",
                expressions=[("role", "="), (identity.models.duty.TsTzRange("started_at", "ended_at"), "&&")],
            ),
        ),
        migrations.AddIndex(
            model_name="duty",
            index=django.contrib.postgres.indexes.GistIndex(
                models.F("person"), identity.models.duty.TsTzRange("started_at", "ended_at"), name="duty_of_person"
            ),
        ),
        migrations.RunSQL(HOLDER, "DROP VIEW identity_holder"),
    ]
