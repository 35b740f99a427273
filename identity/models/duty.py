"""Duty roles, whom they are sealed to, and who holds them."""

import uuid

from django.db import models
from django.db.models import F, Q
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
