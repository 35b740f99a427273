"""Which hospitals accept each other."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from identity.models.hospitals import Hospital
from identity.models.statements import Statement


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
