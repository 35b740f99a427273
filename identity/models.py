"""Who, where, on duty, on which device.

Invariant: a person acts only through an active membership, a device that is not revoked and a sign-in that has not ended; a public key
counts only with the statement that vouches for it. Nothing is deleted here: things end, with a time.
"""

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone


class Hospital(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    city = models.CharField(max_length=100, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="Europe/Berlin")
    registrar_phone = models.CharField(max_length=40, blank=True)
    root_public_key = models.BinaryField(max_length=32, null=True)
    figure_stale_after = models.DurationField(default=timedelta(hours=12))
    idle_lock_after = models.DurationField(default=timedelta(minutes=15))
    retention_class = models.CharField(max_length=32, default="standard")
    # Seconds to acknowledge by urgency, where the hospital departs from beds.transitions.ACKNOWLEDGE_WITHIN.
    acknowledge_within = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.slug


class Unit(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="units")
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital", "name"], name="unit_name_once_per_hospital")]


class Person(models.Model):
    """A principal that acts: a human being, or a hospital's archive (a technical account of its gateway)."""

    class Kind(models.TextChoices):
        HUMAN = "human"
        ARCHIVE = "archive"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.HUMAN)
    # What audit leaves say instead of the id; the only link between the two is this row.
    pseudonym = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # The bytes the registrar's statement commits to (protocol 4): {salt, name, title, profession, unit}. The columns repeat them for
    # search.
    profile = models.BinaryField(default=b"")
    name = models.CharField(max_length=120)
    title = models.CharField(max_length=60, blank=True)
    profession = models.CharField(max_length=60, blank=True)
    language = models.CharField(max_length=2, default="de")
    # In the hospital's time zone; pushes that can wait wait until they end. Past midnight where they end before they begin.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until")),
                name="person_quiet_hours_whole",
            )
        ]


class Membership(models.Model):
    """A person's belonging to a hospital. At most one is open per person."""

    class State(models.TextChoices):
        PENDING = "pending"  # joined by invitation, keys made, not yet vouched for
        ACTIVE = "active"
        ENDED = "ended"

    OPEN = (State.PENDING, State.ACTIVE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="memberships")
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="memberships")
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    is_registrar = models.BooleanField(default=False)
    # The keys a joining person made. They count for nothing until a member statement repeats them (PrincipalKey).
    offered_kem = models.BinaryField(max_length=1216, null=True)
    offered_sign = models.BinaryField(max_length=32, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person"], condition=Q(state__in=["pending", "active"]), name="membership_one_open"),
            models.CheckConstraint(condition=Q(state="ended") ^ Q(ended_at__isnull=True), name="membership_ended_has_time"),
        ]


class AuditorTerm(models.Model):
    """A member's time as an auditor: may read the hospital's log and take it out. Given and ended by a registrar."""

    class Reason(models.TextChoices):
        DATA_PROTECTION_OFFICER = "data_protection_officer"
        DEPUTY = "deputy"
        INTERNAL_AUDIT = "internal_audit"
        EXTERNAL_AUDIT = "external_audit"
        INVESTIGATION = "investigation"

    class EndReason(models.TextChoices):
        LEFT_OFFICE = "left_office"
        DONE = "done"
        MISTAKE = "mistake"
        MEMBERSHIP_ENDED = "membership_ended"
        TERM_OVER = "term_over"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="auditor_terms")
    appointed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=32, choices=Reason)
    started_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=32, choices=EndReason, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership"], condition=Q(ended_at=None), name="auditorterm_one_open"),
            models.CheckConstraint(condition=Q(until=None) | Q(until__gt=F("started_at")), name="auditorterm_until_after_start"),
            models.CheckConstraint(condition=Q(ended_at=None, end_reason="") | Q(ended_at__isnull=False), name="auditorterm_end_has_time"),
        ]


class Statement(models.Model):
    """A signed line of the key directory (protocol 4), stored exactly as signed."""

    class Kind(models.TextChoices):
        ROOT = "root"
        REGISTRAR = "registrar"
        PARTNER = "partner"
        MEMBER = "member"
        DEVICE = "device"
        DEVICE_REVOKED = "device-revoked"
        ROLE = "role"
        ARCHIVE = "archive"

    digest = models.BinaryField(max_length=32, primary_key=True)  # SHA-256(h)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="statements")
    kind = models.CharField(max_length=16, choices=Kind)
    subject = models.UUIDField()
    prev = models.BinaryField(max_length=32, null=True)
    header = models.BinaryField()
    signature = models.BinaryField(max_length=64)
    # Position in the directory. Who stores a statement holds a lock until commit, so a reader who has seen n has seen all before n.
    order = models.BigIntegerField(unique=True, editable=False, db_default=Func(Value("identity_statement_order"), function="nextval"))
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # Two statements with one predecessor are a fork: the second is refused here, whatever the code above thought.
            # Per hospital: two hospitals each have a first word about the same partner.
            models.UniqueConstraint(fields=["hospital", "kind", "subject", "prev"], nulls_distinct=False, name="statement_no_fork"),
        ]


class PrincipalKey(models.Model):
    """A generation of a user's, role's or archive's public keys. The current one has no ``replaced_at``."""

    class Kind(models.TextChoices):
        USER = "user"
        ROLE = "role"
        ARCHIVE = "archive"

    principal = models.UUIDField()  # Person.id or DutyRole.id
    kind = models.CharField(max_length=8, choices=Kind)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT)
    generation = models.PositiveIntegerField()
    kid = models.BinaryField(max_length=16)
    kem_public_key = models.BinaryField(max_length=1216)
    sign_public_key = models.BinaryField(max_length=32, null=True)
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT)
    history = models.BinaryField(null=True)  # the former generation's seed under this one's (protocol 3)
    created_at = models.DateTimeField(default=timezone.now)
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["principal", "generation"], name="principalkey_generation_once"),
            models.UniqueConstraint(fields=["principal"], condition=Q(replaced_at=None), name="principalkey_one_current"),
        ]


class Device(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="devices")
    public_key = models.BinaryField(max_length=32)
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)


class Passkey(models.Model):
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="passkeys")
    credential_id = models.BinaryField(max_length=1024, unique=True)
    public_key = models.BinaryField(max_length=2048)
    sign_count = models.BigIntegerField(default=0)
    transports = models.JSONField(default=list, blank=True)
    is_synced = models.BooleanField(default=False)  # the authenticator may copy it to other devices
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)


class SeedWrap(models.Model):
    """A wrapped copy of a user's seed and the share the server holds back (protocol 3.1)."""

    class Kind(models.TextChoices):
        PASSKEY = "passkey"
        RECOVERY = "recovery"
        DEVICE = "device"

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="seed_wraps")
    kind = models.CharField(max_length=8, choices=Kind)
    passkey = models.ForeignKey(Passkey, null=True, blank=True, on_delete=models.PROTECT)
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.PROTECT)
    generation = models.PositiveIntegerField()
    wrap = models.BinaryField(max_length=60)
    share = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)


class SignIn(models.Model):
    """One sign-in of one device; the session cookie names it. Ending it ends every request and socket that uses it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="sign_ins")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="sign_ins")
    method = models.CharField(max_length=16, default="passkey")
    # SHA-256 of the session cookie: one indexed look-up per request, and no cookie in a dump of this table.
    session_digest = models.BinaryField(max_length=32, unique=True)
    # SHA-256 of the WebAuthn challenge: an assertion makes one sign-in, whatever the session store says when two arrive at once. Null for
    # other methods.
    challenge_digest = models.BinaryField(max_length=32, unique=True, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)


class DutyRole(models.Model):
    """A function of a hospital that somebody always holds, e.g. intensive-care coordination; a principal with keys."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="duty_roles")
    unit = models.ForeignKey(Unit, null=True, blank=True, on_delete=models.PROTECT)
    name = models.CharField(max_length=120)
    profile = models.BinaryField(default=b"")
    categories = models.JSONField(default=list)  # bed categories whose requests it answers (3-beds)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital", "name"], name="dutyrole_name_once_per_hospital"),
            # What a foreign key of two columns refers to: a role of this very hospital.
            models.UniqueConstraint(fields=["id", "hospital"], name="dutyrole_of_hospital"),
        ]


class RoleSeal(models.Model):
    """A role's seed sealed to one eligible person (protocol 9). Having a row that has not ended is what *eligible* means."""

    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="seals")
    generation = models.PositiveIntegerField()
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="role_seals")
    sealed = models.BinaryField(max_length=1168)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["role", "generation", "person"], name="roleseal_once")]


class Duty(models.Model):
    """A person's turn in a duty role. One person holds a role at a time."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="duties")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="duties")
    started_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)  # planned end, shown; it ends by take-over or hand-over
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["role"], condition=Q(ended_at=None), name="duty_one_holder"),
            models.CheckConstraint(condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="duty_ends_after_start"),
        ]


class Partnership(models.Model):
    """``hospital`` has accepted ``partner``. Requests and conversations need it in both directions."""

    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="partnerships")
    partner = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="+")
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital", "partner"], condition=Q(ended_at=None), name="partnership_one_open"),
            models.CheckConstraint(condition=~Q(hospital=F("partner")), name="partnership_not_with_itself"),
        ]


class Invitation(models.Model):
    token_hash = models.BinaryField(max_length=32, primary_key=True)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT)
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    title = models.CharField(max_length=60, blank=True)
    profession = models.CharField(max_length=60)
    person_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)  # the id the invited person will have
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)


class HospitalSetup(models.Model):
    """The one-time right to make a hospital's root and to be its first registrar; printed by ``manage.py hospital_setup``."""

    token_hash = models.BinaryField(max_length=32, primary_key=True)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT)
    person_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)


class DeviceLink(models.Model):
    """A one-time offer of an old device to make another one a device of the same person (protocol 3.2)."""

    token_hash = models.BinaryField(max_length=32, primary_key=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT)
    created_by = models.ForeignKey(Device, null=True, on_delete=models.PROTECT, related_name="+")  # null: made on the host by an operator
    sealed = models.BinaryField(max_length=1024)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
