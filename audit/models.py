"""The log's tables.

Invariant: what is written into ``audit_event``, ``audit_leaf``, ``audit_node``, ``audit_checkpoint`` and ``audit_cosignature`` never
changes; triggers that fire in every replication role refuse UPDATE, DELETE and TRUNCATE. Those and what belongs to them are unmanaged
(their SQL is in the migrations), so ``manage.py flush`` does not touch them either. The hot paths write SQL, not these models: they are for
reading.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone


class Log(models.Model):
    """One Merkle log and its tree. Its id is random per database, so that a fresh database is never taken for a fork of an old one."""

    id = models.UUIDField(primary_key=True)
    hospital = models.UUIDField(unique=True)  # audit.leaves.OPERATOR for the operator's
    size = models.BigIntegerField()
    frontier = ArrayField(models.BinaryField())  # the compact range: roots of the full subtrees, largest first
    created_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_log"


class Recorded(models.Model):
    """An event as it was hashed: the leaf's bytes and nothing else."""

    id = models.BigAutoField(primary_key=True)
    leaf = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_event"


class Pending(models.Model):
    """An event that waits for its place in a hospital's log. The only table here that is emptied."""

    pk = models.CompositePrimaryKey("hospital", "event")
    hospital = models.UUIDField()
    event = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "audit_pending"


class Leaf(models.Model):
    """An event's place in a log."""

    pk = models.CompositePrimaryKey("log", "leaf_index")
    log = models.ForeignKey(Log, on_delete=models.DO_NOTHING, related_name="leaves", db_column="log")
    leaf_index = models.BigIntegerField()
    event = models.ForeignKey(Recorded, on_delete=models.DO_NOTHING, related_name="leaves", db_column="event")
    leaf_hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_leaf"


class Node(models.Model):
    """The root of a full subtree of 256**level leaves, level 1 and up: what tiles above level 0 are made of."""

    pk = models.CompositePrimaryKey("log", "level", "node_index")
    log = models.ForeignKey(Log, on_delete=models.DO_NOTHING, related_name="nodes", db_column="log")
    level = models.SmallIntegerField()
    node_index = models.BigIntegerField()
    node_hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_node"


class Checkpoint(models.Model):
    """A signed note (C2SP tlog-checkpoint) over a committed size and root."""

    pk = models.CompositePrimaryKey("log", "size")
    log = models.ForeignKey(Log, on_delete=models.DO_NOTHING, related_name="checkpoints", db_column="log")
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_checkpoint"


class Opening(models.Model):
    """A personal value that leaves commit to, with its salt: erased by deleting the row (``audit.openings``)."""

    commitment = models.BinaryField(primary_key=True)
    subject = models.UUIDField()  # pseudonym
    field = models.TextField()
    salt = models.BinaryField()
    value = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_opening"


class Cosignature(models.Model):
    """A witness's line under a checkpoint (C2SP tlog-cosignature). ``witness`` is ``<name>+<key id>`` (``audit.policy.Witness.id``)."""

    pk = models.CompositePrimaryKey("log", "size", "witness")
    log = models.UUIDField()
    size = models.BigIntegerField()
    witness = models.TextField()
    line = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_cosignature"


class Export(models.Model):
    """A log being taken out, and the file it becomes (``audit.exports.jobs``).

    ``next_place``, ``bytes`` and ``events`` are how far the file is known to be on disk: a worker that takes over goes on from there.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"
        GONE = "gone"  # deleted or expired: the file is no more

    class Format(models.TextChoices):
        BUNDLE = "bundle"
        FHIR = "fhir"
        CSV = "csv"

    UNDONE = (State.WAITING, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    log = models.UUIDField()
    hospital = models.UUIDField()
    asked_by = models.UUIDField()  # the id of the person or of the software: it decides who may fetch it
    format = models.CharField(max_length=8, choices=Format)
    wanted = models.JSONField(default=dict)
    zone = models.CharField(max_length=64)
    note = models.TextField()  # the checkpoint it reaches up to
    size = models.BigIntegerField()
    cut = models.BigIntegerField(null=True)  # the size of a checkpoint the asker holds: no withheld stretch runs across it
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    start = models.BigIntegerField(default=0)
    end = models.BigIntegerField(default=0)
    next_place = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    sha256 = models.BinaryField(max_length=32, null=True)
    failures = models.SmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "audit_export"
        indexes = [
            models.Index(fields=["hospital", "-created_at"], name="export_newest"),
            models.Index(fields=["created_at"], condition=Q(state__in=["waiting", "running"]), name="export_undone"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(sha256__isnull=False, expires_at__isnull=False), name="export_ready_is_whole"
            ),
            models.CheckConstraint(condition=Q(next_place__lte=F("end")) | Q(state="waiting"), name="export_not_past_its_end"),
        ]


class Review(models.Model):
    """Evidence that an auditor looked: when, at what, with which finding, and what was done. Codes alone, never changed."""

    SCOPES = ("everything", "break_glass", "sign_ins", "disclosures", "exports", "people", "request")
    FINDINGS = ("nothing", "explained", "question", "incident")
    ACTIONS = ("none", "asked", "access_ended", "reported")

    id = models.UUIDField(primary_key=True)
    hospital = models.UUIDField()
    reviewer = models.UUIDField()  # pseudonym
    reviewed_at = models.DateTimeField(db_default=Now())
    since = models.DateTimeField()
    until = models.DateTimeField()
    scope = models.TextField()
    subject = models.UUIDField(null=True)
    finding = models.TextField()
    action = models.TextField()
    place = models.BigIntegerField(null=True)  # the leaf it is about

    class Meta:
        managed = False
        db_table = "audit_review"


class IndexEntry(models.Model):
    """What is searched. Personal data by its nature, so it stands beside the log and may be erased without touching a leaf."""

    event = models.OneToOneField(Recorded, primary_key=True, on_delete=models.DO_NOTHING, related_name="index_entry", db_column="event")
    at = models.DateTimeField()
    action = models.TextField()
    outcome = models.TextField()
    agent = models.UUIDField(null=True)  # pseudonym
    role = models.UUIDField(null=True)
    hospitals = ArrayField(models.UUIDField())
    subjects = ArrayField(models.UUIDField())

    class Meta:
        managed = False
        db_table = "audit_index"
