import datetime
import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        # Before the table: its column's default names it.
        migrations.RunSQL("CREATE SEQUENCE identity_statement_order", "DROP SEQUENCE identity_statement_order"),
        migrations.CreateModel(
            name="Device",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("public_key", models.BinaryField(max_length=32)),
                ("label", models.CharField(blank=True, max_length=60)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_seen_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Hospital",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("slug", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=200)),
                ("city", models.CharField(blank=True, max_length=100)),
                ("latitude", models.FloatField(blank=True, null=True)),
                ("longitude", models.FloatField(blank=True, null=True)),
                ("time_zone", models.CharField(default="Europe/Berlin", max_length=64)),
                ("registrar_phone", models.CharField(blank=True, max_length=40)),
                ("root_public_key", models.BinaryField(max_length=32, null=True)),
                ("figure_stale_after", models.DurationField(default=datetime.timedelta(seconds=43200))),
                ("idle_lock_after", models.DurationField(default=datetime.timedelta(seconds=900))),
                ("retention_class", models.CharField(default="standard", max_length=32)),
                ("acknowledge_within", models.JSONField(blank=True, default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="Person",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("human", "Human"), ("archive", "Archive")], default="human", max_length=8)),
                ("pseudonym", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("profile", models.BinaryField(default=b"")),
                ("name", models.CharField(max_length=120)),
                ("title", models.CharField(blank=True, max_length=60)),
                ("profession", models.CharField(blank=True, max_length=60)),
                ("language", models.CharField(default="de", max_length=2)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="HospitalSetup",
            fields=[
                ("token_hash", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("person_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("hospital", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="identity.hospital")),
            ],
        ),
        migrations.CreateModel(
            name="Passkey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("credential_id", models.BinaryField(max_length=1024, unique=True)),
                ("public_key", models.BinaryField(max_length=2048)),
                ("sign_count", models.BigIntegerField(default=0)),
                ("transports", models.JSONField(blank=True, default=list)),
                ("is_synced", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="passkeys", to="identity.person")),
            ],
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("token_hash", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("title", models.CharField(blank=True, max_length=60)),
                ("profession", models.CharField(max_length=60)),
                ("person_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("hospital", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="identity.hospital")),
                ("created_by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.person")),
            ],
        ),
        migrations.CreateModel(
            name="DeviceLink",
            fields=[
                ("token_hash", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("sealed", models.BinaryField(max_length=1024)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.device"),
                ),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="identity.person")),
            ],
        ),
        migrations.AddField(
            model_name="device",
            name="person",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="devices", to="identity.person"),
        ),
        migrations.CreateModel(
            name="SeedWrap",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("passkey", "Passkey"), ("recovery", "Recovery"), ("device", "Device")], max_length=8)),
                ("generation", models.PositiveIntegerField()),
                ("wrap", models.BinaryField(max_length=60)),
                ("share", models.BinaryField(max_length=32)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("device", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="identity.device")),
                ("passkey", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="identity.passkey")),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="seed_wraps", to="identity.person")),
            ],
        ),
        migrations.CreateModel(
            name="SignIn",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("method", models.CharField(default="passkey", max_length=16)),
                ("session_digest", models.BinaryField(max_length=32, unique=True)),
                ("challenge_digest", models.BinaryField(max_length=32, null=True, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("device", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="sign_ins", to="identity.device")),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="sign_ins", to="identity.person")),
            ],
        ),
        migrations.CreateModel(
            name="Statement",
            fields=[
                ("digest", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("root", "Root"),
                            ("registrar", "Registrar"),
                            ("partner", "Partner"),
                            ("member", "Member"),
                            ("device", "Device"),
                            ("device-revoked", "Device Revoked"),
                            ("role", "Role"),
                            ("archive", "Archive"),
                        ],
                        max_length=16,
                    ),
                ),
                ("subject", models.UUIDField()),
                ("prev", models.BinaryField(max_length=32, null=True)),
                ("header", models.BinaryField()),
                ("signature", models.BinaryField(max_length=64)),
                (
                    "order",
                    models.BigIntegerField(
                        db_default=models.Func(models.Value("identity_statement_order"), function="nextval"), editable=False, unique=True
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "hospital",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="statements", to="identity.hospital"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PrincipalKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("principal", models.UUIDField()),
                ("kind", models.CharField(choices=[("user", "User"), ("role", "Role"), ("archive", "Archive")], max_length=8)),
                ("generation", models.PositiveIntegerField()),
                ("kid", models.BinaryField(max_length=16)),
                ("kem_public_key", models.BinaryField(max_length=1216)),
                ("sign_public_key", models.BinaryField(max_length=32, null=True)),
                ("history", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("replaced_at", models.DateTimeField(blank=True, null=True)),
                ("hospital", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="identity.hospital")),
                ("statement", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="identity.statement")),
            ],
        ),
        migrations.CreateModel(
            name="Partnership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "hospital",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="partnerships", to="identity.hospital"),
                ),
                ("partner", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.hospital")),
                ("statement", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.statement")),
            ],
        ),
        migrations.AddField(
            model_name="device",
            name="statement",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.statement"),
        ),
        migrations.CreateModel(
            name="Unit",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("hospital", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="units", to="identity.hospital")),
            ],
        ),
        migrations.CreateModel(
            name="DutyRole",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("profile", models.BinaryField(default=b"")),
                ("categories", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "hospital",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="duty_roles", to="identity.hospital"),
                ),
                ("unit", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to="identity.unit")),
            ],
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Pending"), ("active", "Active"), ("ended", "Ended")], default="pending", max_length=8
                    ),
                ),
                ("is_registrar", models.BooleanField(default=False)),
                ("offered_kem", models.BinaryField(max_length=1216, null=True)),
                ("offered_sign", models.BinaryField(max_length=32, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "hospital",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="memberships", to="identity.hospital"),
                ),
                (
                    "person",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="memberships", to="identity.person"),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["pending", "active"])), fields=("person",), name="membership_one_open"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "ended"), ("ended_at__isnull", True), _connector="XOR"),
                        name="membership_ended_has_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Duty",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("role", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="duties", to="identity.dutyrole")),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="duties", to="identity.person")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(condition=models.Q(("ended_at", None)), fields=("role",), name="duty_one_holder"),
                    models.CheckConstraint(
                        condition=models.Q(("ended_at", None), ("ended_at__gte", models.F("started_at")), _connector="OR"),
                        name="duty_ends_after_start",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RoleSeal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("generation", models.PositiveIntegerField()),
                ("sealed", models.BinaryField(max_length=1168)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="role_seals", to="identity.person")),
                ("role", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="seals", to="identity.dutyrole")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("role", "generation", "person"), name="roleseal_once")],
            },
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.UniqueConstraint(
                fields=("hospital", "kind", "subject", "prev"), name="statement_no_fork", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="principalkey",
            constraint=models.UniqueConstraint(fields=("principal", "generation"), name="principalkey_generation_once"),
        ),
        migrations.AddConstraint(
            model_name="principalkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("replaced_at", None)), fields=("principal",), name="principalkey_one_current"
            ),
        ),
        migrations.AddConstraint(
            model_name="partnership",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("hospital", "partner"), name="partnership_one_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="partnership",
            constraint=models.CheckConstraint(
                condition=models.Q(("hospital", models.F("partner")), _negated=True), name="partnership_not_with_itself"
            ),
        ),
        migrations.AddConstraint(
            model_name="unit",
            constraint=models.UniqueConstraint(fields=("hospital", "name"), name="unit_name_once_per_hospital"),
        ),
        migrations.AddConstraint(
            model_name="dutyrole",
            constraint=models.UniqueConstraint(fields=("hospital", "name"), name="dutyrole_name_once_per_hospital"),
        ),
    ]
