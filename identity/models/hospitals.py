"""Hospitals and their units, and the one-time right to found one."""

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Q
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
    emergency_lasts = models.DurationField(default=timedelta(minutes=30))
    # Whether a synced passkey alone makes a new device; else an old device approves it (docs/decisions/0011-synced-passkey.md).
    is_passkey_enough = models.BooleanField(default=False)
    retention_class = models.CharField(max_length=32, default="standard")
    # Seconds to acknowledge by urgency, where the hospital departs from beds.transitions.ACKNOWLEDGE_WITHIN.
    acknowledge_within = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # An hour on a desk is anybody's; a minute is the least a tired person can work with.
            models.CheckConstraint(
                condition=Q(idle_lock_after__gte=timedelta(minutes=1), idle_lock_after__lte=timedelta(minutes=60)),
                name="hospital_idle_lock_in_bounds",
            ),
            models.CheckConstraint(
                condition=Q(emergency_lasts__gte=timedelta(minutes=5), emergency_lasts__lte=timedelta(minutes=60)),
                name="hospital_emergency_in_bounds",
            ),
        ]

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


class HospitalSetup(models.Model):
    """The one-time right to make a hospital's root and to be its first registrar; printed by ``manage.py hospital_setup``."""

    token_hash = models.BinaryField(max_length=32, primary_key=True)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT)
    person_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
