"""The same tables in words that Django can read; they change nothing in the database."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_log"),
    ]

    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("pk", models.CompositePrimaryKey("log", "size", blank=True, editable=False, primary_key=True, serialize=False)),
                ("size", models.BigIntegerField()),
                ("root", models.BinaryField()),
                ("note", models.TextField()),
                ("signed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "audit_checkpoint",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Recorded",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("leaf", models.BinaryField()),
            ],
            options={
                "db_table": "audit_event",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("pk", models.CompositePrimaryKey("log", "leaf_index", blank=True, editable=False, primary_key=True, serialize=False)),
                ("leaf_index", models.BigIntegerField()),
                ("leaf_hash", models.BinaryField()),
            ],
            options={
                "db_table": "audit_leaf",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Log",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("hospital", models.UUIDField(unique=True)),
                ("size", models.BigIntegerField()),
                ("frontier", django.contrib.postgres.fields.ArrayField(base_field=models.BinaryField(), size=None)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "audit_log",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey("log", "level", "node_index", blank=True, editable=False, primary_key=True, serialize=False),
                ),
                ("level", models.SmallIntegerField()),
                ("node_index", models.BigIntegerField()),
                ("node_hash", models.BinaryField()),
            ],
            options={
                "db_table": "audit_node",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Pending",
            fields=[
                ("pk", models.CompositePrimaryKey("hospital", "event", blank=True, editable=False, primary_key=True, serialize=False)),
                ("hospital", models.UUIDField()),
                ("event", models.BigIntegerField()),
            ],
            options={
                "db_table": "audit_pending",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="IndexEntry",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        db_column="event",
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="index_entry",
                        serialize=False,
                        to="audit.recorded",
                    ),
                ),
                ("at", models.DateTimeField()),
                ("action", models.TextField()),
                ("outcome", models.TextField()),
                ("agent", models.UUIDField(null=True)),
                ("role", models.UUIDField(null=True)),
                ("hospitals", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ("subjects", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
            ],
            options={
                "db_table": "audit_index",
                "managed": False,
            },
        ),
    ]
