"""Who is invited, and as what."""

import uuid

from django.db import models
from django.utils import timezone

from identity.models.hospitals import Hospital
from identity.models.people import Person


class Invitation(models.Model):
    token_hash = models.BinaryField(max_length=32, primary_key=True)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT)
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    title = models.CharField(max_length=60, blank=True)
    profession = models.CharField(max_length=60)
    speciality = models.CharField(max_length=20, blank=True)
    unit = models.CharField(max_length=120, blank=True)
    person_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)  # the id the invited person will have
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
