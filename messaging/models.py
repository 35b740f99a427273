"""Conversations, their members, epochs, messages, receipts and attachments: ciphertext and its bookkeeping.

Invariant: a conversation's messages have contiguous sequences from 1, allocated in the send's own transaction; what
was stored is the bytes that were signed.
"""

import uuid
from datetime import timedelta
from uuid import UUID

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from identity.models import Device, DutyRole, Hospital, Person
from identity.models.duty import TsTzRange


class Conversation(models.Model):
    class Kind(models.TextChoices):
        DIRECT = "direct"
        CASE = "case"

    id = models.UUIDField(primary_key=True, editable=False)  # made by the client: it is inside the signed headers
    kind = models.CharField(max_length=8, choices=Kind)
    retention = models.CharField(max_length=32)
    epoch = models.PositiveIntegerField(default=1)
    last_sequence = models.BigIntegerField(default=0)
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(null=True, blank=True)  # of the message ``last_sequence``
    closed_at = models.DateTimeField(null=True, blank=True)

    emergency: UUID | None  # with ``emergency_role``, of ``messaging.access.conversation``
    emergency_role: UUID | None


class Member(models.Model):
    """A principal's belonging to a conversation. Who may read now: the person, or whoever holds the role now, or the archive."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="members")
    principal = models.UUIDField()
    kind = models.CharField(max_length=8)  # identity.models.PrincipalKey.Kind
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT)
    added_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "principal"], condition=Q(removed_at=None), name="member_once")]
        indexes = [models.Index(fields=["principal", "conversation"], condition=Q(removed_at=None), name="member_by_principal")]


class AwaitedMember(models.Model):
    """Somebody to whom epochs are sealed already and who does not belong yet: what is looked up, rung, pushed and logged asks ``Member``
    alone, so it cannot forget to leave these out. ``messaging.admission.admit`` makes members of them.
    """

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="awaited")
    principal = models.UUIDField()
    kind = models.CharField(max_length=8)  # identity.models.PrincipalKey.Kind
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT)
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "principal"], name="awaitedmember_once")]


class EmergencyAccess(models.Model):
    """An eligible physician who is off duty reads and writes in one conversation of a duty role, for a reason and for a short time.

    It is over at ``ends_at``, whoever notes that in ``ended_at``. Who may read under one now is read from ``EmergencyInForce``.
    """

    class Reason(models.TextChoices):
        DETERIORATION = "deterioration"  # the patient gets worse
        NO_ANSWER = "no_answer"  # who is on duty does not answer
        CALLED_IN = "called_in"  # somebody asked for help
        IN_TRANSIT = "in_transit"  # the patient is on the way
        OTHER = "other"

    class EndReason(models.TextChoices):
        BY_HAND = "by_hand"
        TIME = "time"
        LAPSED = "lapsed"  # eligibility, device, role or membership ended
        LEFT = "left"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=16, choices=Reason)
    started_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=8, choices=EndReason, blank=True)
    ended_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="emergencyaccess_one_at_a_time",
                expressions=[
                    ("person", RangeOperators.EQUAL),
                    (TsTzRange("started_at", Coalesce("ended_at", "ends_at")), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("started_at"), ends_at__lte=F("started_at") + timedelta(minutes=60)),
                name="emergencyaccess_short",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, end_reason="")
                | Q(ended_at__gte=F("started_at"), ended_at__lte=F("ends_at")) & ~Q(end_reason=""),
                name="emergencyaccess_end_whole",
            ),
        ]
        indexes = [models.Index(fields=["conversation"], condition=Q(ended_at=None), name="emergencyaccess_open")]


class EmergencyInForce(models.Model):
    """Who reads a conversation under an emergency access at this moment: a view. The one place that says what "in force" means.

    What the access stands on is looked at each time (role, device, seal, membership, the role's belonging to the conversation),
    and its time by the database's clock as it is, not as it was when the transaction began.
    """

    id = models.UUIDField(primary_key=True)  # of the access
    conversation = models.ForeignKey(Conversation, on_delete=models.DO_NOTHING, related_name="+")
    role = models.ForeignKey(DutyRole, on_delete=models.DO_NOTHING, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.DO_NOTHING, related_name="+")

    class Meta:
        managed = False
        db_table = "messaging_emergencyinforce"


class Epoch(models.Model):
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="epochs")
    number = models.PositiveIntegerField()
    header = models.BinaryField()
    signature = models.BinaryField(max_length=64)
    wraps_digest = models.BinaryField(max_length=32)  # SHA-256(w[0] || w[1] ...): lets a reader of one wrap check the signature
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "number"], name="epoch_once")]


class EpochWrap(models.Model):
    epoch = models.ForeignKey(Epoch, on_delete=models.CASCADE, related_name="wraps")
    principal = models.UUIDField()
    wrap = models.BinaryField(max_length=1168)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["epoch", "principal"], name="epochwrap_once")]


class Message(models.Model):
    id = models.UUIDField(primary_key=True, editable=False)  # made by the client; makes a retry idempotent
    # Indexes that nothing reads are left out: each costs every message (``message_sequence_once`` serves the
    # conversation). So do the checks of foreign keys to rows that are never deleted and that the sending statement
    # has just read: each would lock, and so write, the sender's rows.
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages", db_index=False)
    sequence = models.BigIntegerField()
    epoch = models.PositiveIntegerField()
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    role = models.ForeignKey(DutyRole, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    priority = models.CharField(max_length=8)
    header = models.BinaryField()
    ciphertext = models.BinaryField()
    signature = models.BinaryField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "sequence"], name="message_sequence_once")]
        # The push sweep reads the latest minutes; a block range index costs an insert next to nothing.
        indexes = [BrinIndex(fields=["created_at"], autosummarize=True, pages_per_range=16, name="message_by_time")]


class Receipt(models.Model):
    """Up to which sequence a person's devices have stored a conversation. Only ever grows."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="receipts")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    delivered_sequence = models.BigIntegerField(default=0)
    pushed_sequence = models.BigIntegerField(default=0)  # up to which a push has been owed
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "person"], name="receipt_once")]


class Acknowledgement(models.Model):
    """A person said: seen and taken on. Visible to all members, with the role acted in."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="acknowledgements")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    role = models.ForeignKey(DutyRole, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "person"], name="acknowledgement_once")]


class Attachment(models.Model):
    """A file's ciphertext. The server knows its size and SHA-256 only."""

    id = models.UUIDField(primary_key=True, editable=False)  # made by the client: it is inside the signed header
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="attachments")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    size = models.BigIntegerField()
    sha256 = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)


class AttachmentChunk(models.Model):
    attachment = models.ForeignKey(Attachment, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()  # from 0; each 1 MiB + 16 bytes but the last
    size = models.PositiveIntegerField()
    sha256 = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attachment", "number"], name="attachmentchunk_once")]


class PushSubscription(models.Model):
    """A device's Web Push endpoint (RFC 8030, 8291)."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="push_subscriptions")
    endpoint = models.URLField(max_length=1000, unique=True)
    p256dh = models.CharField(max_length=100)
    auth = models.CharField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)
    taken_at = models.DateTimeField(null=True, blank=True)  # when the latest push was sent that the service took
    ended_at = models.DateTimeField(null=True, blank=True)


class PendingPush(models.Model):
    """A push still owed: at most one per device, for a push says only "look". It says how urgent, never about what."""

    subscription = models.OneToOneField(PushSubscription, on_delete=models.CASCADE, related_name="pending")
    urgency = models.CharField(max_length=8)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now, db_index=True)
    owed_at = models.DateTimeField(default=timezone.now)  # of the latest message behind it; a claim ends the row only if this is unchanged


class PushSweep(models.Model):
    """How far the sweep for undelivered messages has looked; one row. A worker that was away goes on from here, so a
    push is late and not lost.
    """

    looked_until = models.DateTimeField()
