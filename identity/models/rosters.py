"""Who is planned for a duty role: shifts that come back, single ones that stand above them, and the gaps that were warned of."""

import uuid

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from identity.models.duty import DutyRole, TsTzRange
from identity.models.people import Person


class ShiftPattern(models.Model):
    """A shift that comes back weekly, in the hospital's own time (``identity.timeline.Pattern``)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="patterns")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    weekdays = ArrayField(models.PositiveSmallIntegerField())  # 1 is Monday
    begins = models.TimeField()
    ends = models.TimeField()  # on the next day where it is no later than ``begins``
    first = models.DateField()
    last = models.DateField(null=True, blank=True)
    every = models.PositiveSmallIntegerField(default=1)  # weeks
    written_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(weekdays__len__range=(1, 7)), name="shiftpattern_has_days"),
            models.CheckConstraint(condition=Q(weekdays__contained_by=list(range(1, 8))), name="shiftpattern_days_of_week"),
            models.CheckConstraint(condition=Q(every__range=(1, 8)), name="shiftpattern_every_few_weeks"),
            models.CheckConstraint(condition=Q(last=None) | Q(last__gte=F("first")), name="shiftpattern_last_after_first"),
        ]


class Shift(models.Model):
    """One planned shift; it counts before any pattern. Of one role no two overlap."""

    class Source(models.TextChoices):
        SCREEN = "screen"
        IMPORT = "import"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="shifts")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    source = models.CharField(max_length=6, choices=Source, default=Source.SCREEN)
    written_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="shift_ends_after_start"),
            ExclusionConstraint(
                name="shift_one_person",
                expressions=[("role", RangeOperators.EQUAL), (TsTzRange("starts_at", "ends_at"), RangeOperators.OVERLAPS)],
            ),
        ]


class GapWarning(models.Model):
    """That a role will be, or is, without a holder, told once for each time ahead."""

    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    hours_ahead = models.PositiveSmallIntegerField()
    warned_at = models.DateTimeField(default=timezone.now)
    pushed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["role", "starts_at", "hours_ahead"], name="gapwarning_once")]
        indexes = [models.Index(fields=["role"], condition=Q(pushed_at=None), name="gapwarning_to_push")]
