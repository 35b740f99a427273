"""Rosters: shifts that come back, single ones, and the gaps that were warned of; turns that begin and end by plan."""

import uuid

import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import identity.models.duty


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0012_directory_log"),
    ]

    operations = [
        migrations.CreateModel(
            name="GapWarning",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("hours_ahead", models.PositiveSmallIntegerField()),
                ("warned_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("pushed_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Shift",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("source", models.CharField(choices=[("screen", "Screen"), ("import", "Import")], default="screen", max_length=6)),
            ],
        ),
        migrations.CreateModel(
            name="ShiftPattern",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("weekdays", django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), size=None)),
                ("begins", models.TimeField()),
                ("ends", models.TimeField()),
                ("first", models.DateField()),
                ("last", models.DateField(blank=True, null=True)),
                ("every", models.PositiveSmallIntegerField(default=1)),
            ],
        ),
        migrations.AddField(
            model_name="duty",
            name="is_begin_untold",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="duty",
            name="is_end_untold",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="duty",
            name="planned_by",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.person"
            ),
        ),
        migrations.AddField(
            model_name="dutyrole",
            name="roster_version",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name="duty",
            index=models.Index(models.F("started_at"), condition=models.Q(("is_begin_untold", True)), name="duty_begin_to_tell"),
        ),
        migrations.AddIndex(
            model_name="duty",
            index=models.Index(models.F("ended_at"), condition=models.Q(("is_end_untold", True)), name="duty_end_to_tell"),
        ),
        migrations.AddField(
            model_name="gapwarning",
            name="role",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.dutyrole"),
        ),
        migrations.AddField(
            model_name="shift",
            name="person",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.person"),
        ),
        migrations.AddField(
            model_name="shift",
            name="role",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="shifts", to="identity.dutyrole"),
        ),
        migrations.AddField(
            model_name="shift",
            name="written_by",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.person"),
        ),
        migrations.AddField(
            model_name="shiftpattern",
            name="person",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.person"),
        ),
        migrations.AddField(
            model_name="shiftpattern",
            name="role",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="patterns", to="identity.dutyrole"),
        ),
        migrations.AddField(
            model_name="shiftpattern",
            name="written_by",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.person"),
        ),
        migrations.AddIndex(
            model_name="gapwarning",
            index=models.Index(condition=models.Q(("pushed_at", None)), fields=["role"], name="gapwarning_to_push"),
        ),
        migrations.AddConstraint(
            model_name="gapwarning",
            constraint=models.UniqueConstraint(fields=("role", "starts_at", "hours_ahead"), name="gapwarning_once"),
        ),
        migrations.AddConstraint(
            model_name="shift",
            constraint=models.CheckConstraint(condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="shift_ends_after_start"),
        ),
        migrations.AddConstraint(
            model_name="shift",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[("role", "="), (identity.models.duty.TsTzRange("starts_at", "ends_at"), "&&")], name="shift_one_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="shiftpattern",
            constraint=models.CheckConstraint(condition=models.Q(("weekdays__len__range", (1, 7))), name="shiftpattern_has_days"),
        ),
        migrations.AddConstraint(
            model_name="shiftpattern",
            constraint=models.CheckConstraint(
                condition=models.Q(("weekdays__contained_by", [1, 2, 3, 4, 5, 6, 7])), name="shiftpattern_days_of_week"
            ),
        ),
        migrations.AddConstraint(
            model_name="shiftpattern",
            constraint=models.CheckConstraint(condition=models.Q(("every__range", (1, 8))), name="shiftpattern_every_few_weeks"),
        ),
        migrations.AddConstraint(
            model_name="shiftpattern",
            constraint=models.CheckConstraint(
                condition=models.Q(("last", None), ("last__gte", models.F("first")), _connector="OR"), name="shiftpattern_last_after_first"
            ),
        ),
    ]
