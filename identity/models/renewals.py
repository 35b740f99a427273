"""The next generation of a person's key, between who made it and the registrar who vouches for it."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from identity.models.devices import Device
from identity.models.people import Person


class KeyRenewal(models.Model):
    """Everything a renewal needs but the registrar's signature, so that it takes effect whole (protocol 3.5)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="key_renewals")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")  # that made the seed and keeps being one
    generation = models.PositiveIntegerField()
    kem_public_key = models.BinaryField(max_length=1216)
    sign_public_key = models.BinaryField(max_length=32)
    history = models.BinaryField(max_length=48)
    statements = models.JSONField()  # {device: {h, s}, ends: [{h, s}]}, as signed
    wraps = models.JSONField()  # [{kind, credential_id, wrap, share}]
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person"], condition=Q(ended_at=None), name="keyrenewal_one_waits")]
