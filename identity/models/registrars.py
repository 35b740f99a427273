"""Who is to become a registrar, and that two people wanted it."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from identity.models.hospitals import Hospital
from identity.models.people import Person


class RegistrarProposal(models.Model):
    """One registrar's wish; a second person's confirmation, with the hospital's root, makes the candidate a registrar."""

    class EndReason(models.TextChoices):
        CONFIRMED = "confirmed"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="+")
    candidate = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    proposed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    sign_public_key = models.BinaryField(max_length=32)  # the key that was compared: no other is confirmed
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    # Where a hospital has nobody who could be the second person, the operator is it (``manage.py registrar_agree``).
    operator_agreed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=12, choices=EndReason, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital", "candidate"], condition=Q(ended_at=None), name="registrarproposal_one_open"),
            models.CheckConstraint(condition=~Q(proposed_by=F("candidate")), name="registrarproposal_not_of_oneself"),
            models.CheckConstraint(
                condition=Q(confirmed_by=None)
                | Q(operator_agreed_at__isnull=False) & ~Q(confirmed_by=F("candidate"))
                | ~Q(confirmed_by=F("proposed_by")) & ~Q(confirmed_by=F("candidate")),
                name="registrarproposal_by_two",
            ),
            models.CheckConstraint(condition=Q(ended_at=None) ^ ~Q(end_reason=""), name="registrarproposal_end_has_reason"),
            models.CheckConstraint(
                condition=Q(confirmed_by=None, end_reason__in=["", "withdrawn", "expired"])
                | Q(confirmed_by__isnull=False, end_reason="confirmed"),
                name="registrarproposal_confirmed_by_somebody",
            ),
        ]
