"""People, their memberships, and their terms as auditors."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from identity.models.hospitals import Hospital


class Person(models.Model):
    """A principal that acts: a human being, or a hospital's archive (a technical account of its gateway)."""

    class Kind(models.TextChoices):
        HUMAN = "human"
        ARCHIVE = "archive"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.HUMAN)
    # What audit leaves say instead of the id; the only link between the two is this row.
    pseudonym = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # The bytes the registrar's statement commits to (protocol 4): {salt, name, title, profession, speciality, unit}. The columns repeat
    # them for search.
    profile = models.BinaryField(default=b"")
    name = models.CharField(max_length=120)
    title = models.CharField(max_length=60, blank=True)
    profession = models.CharField(max_length=60, blank=True)
    speciality = models.CharField(max_length=20, blank=True)
    unit = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=2, default="de")
    # In the hospital's time zone; pushes that can wait wait until they end. Past midnight where they end before they begin.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until")),
                name="person_quiet_hours_whole",
            )
        ]


class Membership(models.Model):
    """A person's belonging to a hospital. At most one is open per person."""

    class State(models.TextChoices):
        PENDING = "pending"  # joined by invitation, keys made, not yet vouched for
        ACTIVE = "active"
        ENDED = "ended"

    OPEN = (State.PENDING, State.ACTIVE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="memberships")
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="memberships")
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    is_registrar = models.BooleanField(default=False)
    # The keys a joining person made. They count for nothing until a member statement repeats them (PrincipalKey).
    offered_kem = models.BinaryField(max_length=1216, null=True)
    offered_sign = models.BinaryField(max_length=32, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person"], condition=Q(state__in=["pending", "active"]), name="membership_one_open"),
            models.CheckConstraint(condition=Q(state="ended") ^ Q(ended_at__isnull=True), name="membership_ended_has_time"),
        ]


class AuditorTerm(models.Model):
    """A member's time as an auditor: may read the hospital's log and take it out. Given and ended by a registrar."""

    class Reason(models.TextChoices):
        DATA_PROTECTION_OFFICER = "data_protection_officer"
        DEPUTY = "deputy"
        INTERNAL_AUDIT = "internal_audit"
        EXTERNAL_AUDIT = "external_audit"
        INVESTIGATION = "investigation"

    class EndReason(models.TextChoices):
        LEFT_OFFICE = "left_office"
        DONE = "done"
        MISTAKE = "mistake"
        MEMBERSHIP_ENDED = "membership_ended"
        TERM_OVER = "term_over"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="auditor_terms")
    appointed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=32, choices=Reason)
    started_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=32, choices=EndReason, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership"], condition=Q(ended_at=None), name="auditorterm_one_open"),
            models.CheckConstraint(condition=Q(until=None) | Q(until__gt=F("started_at")), name="auditorterm_until_after_start"),
            models.CheckConstraint(condition=Q(ended_at=None, end_reason="") | Q(ended_at__isnull=False), name="auditorterm_end_has_time"),
        ]
