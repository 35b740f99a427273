"""What was signed about keys, and the current keys."""

from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone

from identity.models.hospitals import Hospital


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
        RECOVERY = "recovery"

    digest = models.BinaryField(max_length=32, primary_key=True)  # SHA-256(h)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="statements")
    kind = models.CharField(max_length=16, choices=Kind)
    subject = models.UUIDField()
    prev = models.BinaryField(max_length=32, null=True)
    header = models.BinaryField()
    signature = models.BinaryField(max_length=64)
    # Position in the directory. Who stores a statement holds a lock until commit, so a reader who has seen n has seen all before n.
    order = models.BigIntegerField(unique=True, editable=False, db_default=Func(Value("identity_statement_order"), function="nextval"))
    # Which leaf of the hospital's log of statements it is, from 0 without a gap; a trigger gives it, whatever is written here.
    place = models.BigIntegerField(editable=False, db_default=0)
    leaf = models.GeneratedField(
        expression=Func(F("signature"), F("header"), template=r"sha256('\x00'::bytea || %(expressions)s)", arg_joiner=" || "),
        output_field=models.BinaryField(),
        db_persist=True,
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital", "place"], name="statement_place_once"),
            # Two statements with one predecessor are a fork: the second is refused here, whatever the code above thought.
            # Per hospital: two hospitals each have a first word about the same partner.
            models.UniqueConstraint(fields=["hospital", "kind", "subject", "prev"], nulls_distinct=False, name="statement_no_fork"),
        ]


class DirectoryHead(models.Model):
    """The signed size and root of a hospital's log of statements (protocol 4.1). Once signed, never changed."""

    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="directory_heads")
    size = models.BigIntegerField()
    note = models.TextField()
    key = models.BinaryField(max_length=32)  # Ed25519, with which the note is checked
    # Made under the directory's lock too, so a reader who has seen n has seen all before n.
    order = models.BigIntegerField(unique=True, editable=False, db_default=Func(Value("identity_statement_order"), function="nextval"))
    signed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital", "size"], name="directoryhead_size_once")]


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
