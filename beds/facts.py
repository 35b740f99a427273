"""What a feed told about single beds. Part of ``beds.models``, which Django reads.

Invariant: a row says that a bed was so at a time, never who lay in it; nothing of a patient has a column here.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from beds import occupancy

_UNDOING = sorted(kind.value for kind in occupancy.UNDOING)


class BedFact(models.Model):
    """One ``beds.occupancy.Fact`` about a bed."""

    bed = models.ForeignKey("beds.Bed", on_delete=models.CASCADE, related_name="facts")
    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in occupancy.Kind])
    status = models.CharField(max_length=1, blank=True)
    at = models.DateTimeField()
    told_at = models.DateTimeField()
    sent_at = models.DateTimeField()
    undoes_from = models.DateTimeField(null=True)
    undoes_until = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=[kind.value for kind in occupancy.Kind]), name="bedfact_kind_known"),
            models.CheckConstraint(
                condition=Q(status="", kind__in=_UNDOING) | Q(status__in=["C", "H", "I", "K", "O", "U"]) & ~Q(kind__in=_UNDOING),
                name="bedfact_status_known",
            ),
        ]
        indexes = [models.Index(fields=["bed", "at"], name="bedfact_by_time")]
