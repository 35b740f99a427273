"""Three officers of a hospital, what members deposited for them, and each time two of them give a key back (protocol 3.6)."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from identity.models.devices import Device, DeviceLink
from identity.models.hospitals import Hospital
from identity.models.people import Person
from identity.models.statements import Statement


class OfficersProposal(models.Model):
    """One registrar's wish whom to name; a second person's confirmation, with the hospital's root, names them. Nobody: the end of it."""

    class EndReason(models.TextChoices):
        CONFIRMED = "confirmed"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="+")
    officers = ArrayField(models.UUIDField())  # in ascending order
    kids = ArrayField(models.BinaryField(max_length=16))  # of the X-Wing keys that were compared, in the officers' order
    proposed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=12, choices=EndReason, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital"], condition=Q(ended_at=None), name="officersproposal_one_open"),
            models.CheckConstraint(condition=Q(officers__len__in=[0, 3]), name="officersproposal_three_or_none"),
            models.CheckConstraint(condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("proposed_by")), name="officersproposal_by_two"),
            models.CheckConstraint(
                condition=Q(ended_at=None, end_reason="", confirmed_by=None)
                | Q(ended_at__isnull=False, end_reason__in=["withdrawn", "expired"], confirmed_by=None)
                | Q(ended_at__isnull=False, end_reason="confirmed", confirmed_by__isnull=False),
                name="officersproposal_ends_with_reason",
            ),
        ]


class KeyDeposit(models.Model):
    """A member's word about the officers: their seed, sealed for any two of them, or that they want none of it."""

    person = models.OneToOneField(Person, primary_key=True, on_delete=models.PROTECT, related_name="key_deposit")
    statement = models.ForeignKey(Statement, null=True, on_delete=models.PROTECT, related_name="+")  # that names the officers
    generation = models.PositiveIntegerField(null=True)
    header = models.BinaryField(max_length=1024, null=True)
    sealed = ArrayField(models.BinaryField(max_length=1232), size=3, null=True)  # one for each officer, in the statement's order
    created_at = models.DateTimeField(default=timezone.now)
    declined_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Who declined leaves nothing here that officers could open.
            models.CheckConstraint(
                condition=Q(declined_at__isnull=False, statement=None, generation=None, header=None, sealed=None)
                | Q(declined_at=None, statement__isnull=False, generation__isnull=False, header__isnull=False, sealed__len=3),
                name="keydeposit_kept_or_declined",
            )
        ]


class Restoration(models.Model):
    """One attempt to get a person's key back: started by a registrar, asked for by one new device, approved by two officers."""

    class EndReason(models.TextChoices):
        FINISHED = "finished"
        REFUSED = "refused"  # by an officer or the person
        CANCELLED = "cancelled"  # by a registrar
        EXPIRED = "expired"
        SUPERSEDED = "superseded"  # other officers, another deposit or none, another key
        LEFT = "left"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="restorations")
    link = models.OneToOneField(DeviceLink, null=True, on_delete=models.SET_NULL, related_name="restoration")  # null: tidied away since
    started_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    ask = models.BinaryField(max_length=4096, null=True)  # the header of the one device that answered the link
    created_at = models.DateTimeField(default=timezone.now)
    asked_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=12, choices=EndReason, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person"], condition=Q(ended_at=None), name="restoration_one_open"),
            models.CheckConstraint(condition=Q(ended_at=None) ^ ~Q(end_reason=""), name="restoration_end_has_reason"),
            models.CheckConstraint(
                condition=Q(ask=None, asked_at=None) | Q(ask__isnull=False, asked_at__isnull=False), name="restoration_asked_once"
            ),
            models.CheckConstraint(condition=~Q(started_by=F("person")), name="restoration_not_of_oneself"),
        ]


class RestorationApproval(models.Model):
    """An officer's share, sealed to the new device; gone as soon as the attempt is over."""

    restoration = models.ForeignKey(Restoration, on_delete=models.CASCADE, related_name="approvals")
    officer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    place = models.PositiveSmallIntegerField()  # of the officer in the statement: 0, 1 or 2
    sealed = models.BinaryField(max_length=1232)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["restoration", "officer"], name="restorationapproval_once"),
            models.UniqueConstraint(fields=["restoration", "place"], name="restorationapproval_one_per_place"),
            models.CheckConstraint(condition=Q(place__lte=2), name="restorationapproval_of_three"),
        ]
