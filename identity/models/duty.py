"""Duty roles, whom they are sealed to, and who holds them."""

import uuid
from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from identity.models.hospitals import Hospital, Unit
from identity.models.people import Person


class DutyRole(models.Model):
    """A function of a hospital that somebody always holds, e.g. intensive-care coordination; a principal with keys."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="duty_roles")
    unit = models.ForeignKey(Unit, null=True, blank=True, on_delete=models.PROTECT)
    name = models.CharField(max_length=120)
    profile = models.BinaryField(default=b"")
    categories = models.JSONField(default=list)  # bed categories whose requests it answers (3-beds)
    roster_version = models.PositiveIntegerField(default=0)  # grows with every change of the roster
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital", "name"], condition=Q(closed_at=None), name="dutyrole_name_once_per_hospital"),
            # What a foreign key of two columns refers to: a role of this very hospital.
            models.UniqueConstraint(fields=["id", "hospital"], name="dutyrole_of_hospital"),
        ]


class RoleSeal(models.Model):
    """A role's seed sealed to one eligible person (protocol 9). Having a row that has not ended is what *eligible* means."""

    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="seals")
    generation = models.PositiveIntegerField()
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="role_seals")
    # Of the person's key it was sealed to: a seal to a key that has been replaced since is one to do again.
    kid = models.BinaryField(max_length=16)
    sealed = models.BinaryField(max_length=1168)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["role", "generation", "person"], name="roleseal_once")]


class TsTzRange(models.Func):
    """From the first time to before the second; without a second, for good."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


TURN = TsTzRange("started_at", "ended_at")


class Duty(models.Model):
    """A person's turn in a duty role, from ``started_at`` to before ``ended_at``. Of one role no two turns overlap, past or to come.

    Both times may lie ahead: a turn that is planned begins and ends by itself. Who holds a role now is read from ``Holder``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="duties")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="duties")
    started_at = models.DateTimeField(db_default=Now())  # by the database's clock, as is the question who holds a role
    until = models.DateTimeField(null=True, blank=True)  # what its holder said, shown; the turn ends at ``ended_at``
    ended_at = models.DateTimeField(null=True, blank=True)
    planned_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")  # by hand: ``None``
    # A time that was planned and has yet to be told to the log and to people: by the clock's task once it has passed, late at worst.
    is_begin_untold = models.BooleanField(default=False)
    is_end_untold = models.BooleanField(default=False)

    class Meta:
        constraints = [
            ExclusionConstraint(name="duty_one_holder", expressions=[("role", RangeOperators.EQUAL), (TURN, RangeOperators.OVERLAPS)]),
            models.CheckConstraint(condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="duty_ends_after_start"),
        ]
        indexes = [
            GistIndex("person", TURN, name="duty_of_person"),
            models.Index("started_at", condition=Q(is_begin_untold=True), name="duty_begin_to_tell"),
            models.Index("ended_at", condition=Q(is_end_untold=True), name="duty_end_to_tell"),
        ]


class Holder(models.Model):
    """Who holds a role at this moment: a view of ``Duty``, at most one row for each role. The one place that says what "now" means.

    "Now" is the database's clock at the statement, not at the transaction's start: who waited for a lock is judged by the time after it.
    """

    id = models.UUIDField(primary_key=True)  # of the turn
    role = models.ForeignKey(DutyRole, on_delete=models.DO_NOTHING, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.DO_NOTHING, related_name="+")
    started_at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "identity_holder"


def shown_until(turn: Duty | Holder) -> datetime | None:
    """Until when a turn is said to last: what its holder said, else what the roster says."""
    return turn.until or turn.ended_at
