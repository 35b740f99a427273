"""Capacity, beds, holds, requests and candidates.

Invariant: one bed, one promise, enforced by the database: exclusion constraints for single beds and for the numbered places of a count, a
CHECK for the figure's bounds, a partial unique index for the one confirmed candidate of a request. No column of this module can take free
text about a patient: every value is one of a closed list, by CHECK.
"""

import uuid
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from beds.chains import Alarm as Alarm
from beds.chains import EscalationChain as EscalationChain
from beds.chains import EscalationStep as EscalationStep
from beds.facts import BedFact as BedFact
from beds.transitions import COMMITTED, REASONS, TERMINAL, WAVE_INTERVAL_AT_LEAST, WAVE_INTERVAL_AT_MOST, State
from beds.vocabulary import (
    FEEDS,
    AgeBand,
    Assessment,
    Capability,
    Category,
    Cause,
    Limit,
    Override,
    Sex,
    Source,
    TransportMode,
    Urgency,
)
from identity.models import Device, DutyRole, Hospital, Person, Unit
from identity.vocabulary import Speciality
from messaging.models import Conversation

FIGURE_AT_MOST = 10_000


class Figure(models.Model):
    """What is known of a unit's beds of one category at one time: the present (``Capacity``) and each past (``FigureReport``).

    ``reserve_24h`` and ``reserve_72h`` are beds beyond the staffed ones that could be staffed within that time, those of 24 h among those
    of 72 h. Null is unknown, never zero. No ``age_bands``: any age.
    """

    staffed = models.PositiveIntegerField()
    occupied = models.PositiveIntegerField(default=0)
    blocked = models.PositiveIntegerField(default=0)
    reserve_24h = models.PositiveIntegerField(null=True, blank=True)
    reserve_72h = models.PositiveIntegerField(null=True, blank=True)
    assessment = models.CharField(max_length=12, choices=Assessment, default=Assessment.UNKNOWN)
    limits = ArrayField(models.CharField(max_length=12, choices=Limit), default=list, blank=True)
    free_ecmo = models.PositiveIntegerField(null=True, blank=True)
    free_crrt = models.PositiveIntegerField(null=True, blank=True)
    sex_restriction = models.CharField(max_length=8, choices=Sex, blank=True)
    age_bands = ArrayField(models.CharField(max_length=12, choices=AgeBand), default=list, blank=True)
    source = models.CharField(max_length=8, choices=Source, default=Source.MANUAL)
    override = models.CharField(max_length=12, choices=Override, blank=True)
    cause = models.CharField(max_length=8, choices=Cause, default=Cause.OPENED)
    reporter = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reported_at = models.DateTimeField(default=timezone.now)  # the age shown; an undo brings the former one back

    class Meta:
        abstract = True

    @property
    def is_fed(self) -> bool:
        """The hospital's own software counts it, by whatever way it tells."""
        return self.source in FEEDS


class Capacity(Figure):
    """A unit's figure for one category. ``available`` is derived, never stored.

    Where single beds are tracked (``is_by_bed``) the three counts are what the beds say: a trigger overwrites whatever else is written.
    Each new ``version`` leaves a row in the history, by a trigger too (migration ``figures``, docs/decisions/0004).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="capacities")
    category = models.CharField(max_length=12, choices=Category)
    capabilities = ArrayField(models.CharField(max_length=16, choices=Capability), default=list, blank=True)
    is_by_bed = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)  # If-Match
    held: int  # promises standing now; annotated where it is read, never stored

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "category"], name="capacity_once"),
            models.CheckConstraint(condition=Q(staffed__gte=F("occupied") + F("blocked")), name="capacity_within_staffed"),
            models.CheckConstraint(condition=Q(category__in=Category.values), name="capacity_category_known"),
            models.CheckConstraint(condition=Q(capabilities__contained_by=Capability.values), name="capacity_capabilities_known"),
            models.CheckConstraint(condition=Q(staffed__lte=FIGURE_AT_MOST), name="capacity_staffed_bounded"),
            models.CheckConstraint(condition=Q(reserve_72h__lte=FIGURE_AT_MOST), name="capacity_reserve_bounded"),
            # Null on one side leaves a CHECK neither true nor false, which passes.
            models.CheckConstraint(condition=Q(reserve_24h__lte=F("reserve_72h")), name="capacity_reserve_grows"),
            models.CheckConstraint(condition=Q(reserve_24h__lte=FIGURE_AT_MOST), name="capacity_reserve_24h_bounded"),
            models.CheckConstraint(condition=Q(free_ecmo=None) | Q(capabilities__contains=["ecmo"]), name="capacity_ecmo_is_there"),
            models.CheckConstraint(condition=Q(free_crrt=None) | Q(capabilities__contains=["crrt"]), name="capacity_crrt_is_there"),
            models.CheckConstraint(condition=Q(free_ecmo__lte=FIGURE_AT_MOST), name="capacity_ecmo_bounded"),
            models.CheckConstraint(condition=Q(free_crrt__lte=FIGURE_AT_MOST), name="capacity_crrt_bounded"),
            models.CheckConstraint(condition=Q(assessment__in=Assessment.values), name="capacity_assessment_known"),
            models.CheckConstraint(condition=Q(limits__contained_by=Limit.values), name="capacity_limits_known"),
            models.CheckConstraint(condition=Q(sex_restriction__in=["", *Sex.values]), name="capacity_sex_known"),
            models.CheckConstraint(condition=Q(age_bands__contained_by=AgeBand.values), name="capacity_age_bands_known"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="capacity_source_known"),
            models.CheckConstraint(condition=Q(cause__in=Cause.values), name="capacity_cause_known"),
            models.CheckConstraint(
                condition=Q(override="") | Q(override__in=Override.values, source="manual"), name="capacity_override_is_by_hand"
            ),
        ]


class FigureReport(Figure):
    """A version a figure once had: written by a trigger with the version itself, never changed or deleted (a trigger again)."""

    capacity = models.ForeignKey(Capacity, on_delete=models.PROTECT, related_name="reports")
    version = models.PositiveIntegerField(null=True)  # null: brought along from before the figure was opened here
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["capacity", "version"], name="figurereport_version_once")]
        indexes = [models.Index(fields=["capacity", "recorded_at"], name="figurereport_by_time")]


_STATUSES = ("C", "H", "I", "K", "O", "U")  # a nested class's values are out of the reach of Meta


class Bed(models.Model):
    """A single bed, where a hospital tracks them. Its status is HL7 table v2-0116; a hold is separate from it."""

    class Status(models.TextChoices):
        CLOSED = "C"
        HOUSEKEEPING = "H"
        ISOLATED = "I"
        CONTAMINATED = "K"
        OCCUPIED = "O"
        UNOCCUPIED = "U"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="beds")
    category = models.CharField(max_length=12, choices=Category)
    label = models.CharField(max_length=40)
    status = models.CharField(max_length=1, choices=Status, default=Status.UNOCCUPIED)
    former_status = models.CharField(max_length=1, choices=Status, blank=True)  # for the undo of the figure's version below
    figure_version = models.PositiveIntegerField(null=True)  # the version of the figure that this bed's last change made
    version = models.PositiveIntegerField(default=1)  # If-Match
    changed_at = models.DateTimeField(default=timezone.now)
    fed_version = models.PositiveIntegerField(null=True)  # as the feed left it; another version: somebody was at it since

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "label"], name="bed_label_once"),
            models.CheckConstraint(condition=Q(category__in=Category.values), name="bed_category_known"),
            models.CheckConstraint(condition=Q(status__in=_STATUSES), name="bed_status_known"),
            models.CheckConstraint(condition=Q(former_status__in=["", *_STATUSES]), name="bed_former_status_known"),
            # A number in it, and few signs beside: a bed is named, never who lies in it.
            models.CheckConstraint(condition=Q(label__regex=r"^(?=.*\d)[[:alnum:]][[:alnum:] ./-]*$"), name="bed_label_is_a_number"),
        ]


class Request(models.Model):
    """A bed sought. In clear: what the search needs, never who the patient is (3-beds, guarantee 5).

    A person asks (``requester``), or the hospital's own software for a duty role that stands for it. Its number for the request may be one
    that finds a patient: kept is what recognises it, not the number.
    """

    id = models.UUIDField(primary_key=True, editable=False)  # made by the client
    origin = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="+")
    requester = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    software = models.CharField(max_length=60, blank=True)  # its name, as a registrar of the origin chose it, when it asked
    order = models.BinaryField(max_length=32, null=True)  # SHA-256 of the software's own number for it
    role = models.ForeignKey(DutyRole, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    category = models.CharField(max_length=12, choices=Category)
    capabilities = ArrayField(models.CharField(max_length=16, choices=Capability), default=list, blank=True)
    urgency = models.CharField(max_length=8, choices=Urgency)
    age_band = models.CharField(max_length=12, choices=AgeBand, blank=True)
    sex = models.CharField(max_length=8, choices=Sex, blank=True)
    transport_mode = models.CharField(max_length=12, choices=TransportMode, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)  # when the last candidate came to its end
    wave_interval = models.PositiveIntegerField(null=True, blank=True)  # seconds; null: all were asked at once
    next_wave_at = models.DateTimeField(null=True, blank=True)  # null: no hospital waits to be asked
    similar: list[uuid.UUID]  # read with it (``access.request_of``), never stored

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(category__in=Category.values), name="request_category_known"),
            models.CheckConstraint(condition=Q(capabilities__contained_by=Capability.values), name="request_capabilities_known"),
            models.CheckConstraint(condition=Q(urgency__in=Urgency.values), name="request_urgency_known"),
            models.CheckConstraint(condition=Q(age_band__in=["", *AgeBand.values]), name="request_age_band_known"),
            models.CheckConstraint(condition=Q(sex__in=["", *Sex.values]), name="request_sex_known"),
            models.CheckConstraint(condition=Q(transport_mode__in=["", *TransportMode.values]), name="request_transport_mode_known"),
            models.CheckConstraint(
                condition=Q(wave_interval=None, next_wave_at=None)
                | Q(wave_interval__isnull=False, wave_interval__range=(WAVE_INTERVAL_AT_LEAST, WAVE_INTERVAL_AT_MOST)),
                name="request_wave_interval_bounded",
            ),
            models.CheckConstraint(condition=Q(next_wave_at=None) | Q(closed_at=None), name="request_closed_waits_for_nobody"),
            models.CheckConstraint(
                condition=Q(requester__isnull=False, software="", order=None)
                | (Q(requester=None, role__isnull=False, order__isnull=False) & ~Q(software="")),
                name="request_by_person_or_software",
            ),
            # A retry of the same order makes no second request, however many arrive at once.
            models.UniqueConstraint(fields=["origin", "order"], name="request_order_once"),
        ]
        indexes = [
            models.Index(fields=["next_wave_at"], condition=Q(next_wave_at__isnull=False), name="request_next_wave"),
            models.Index(fields=["-created_at"], name="request_by_time"),
            models.Index(fields=["origin", "-created_at"], name="request_by_origin"),
        ]


class RequestTemplate(models.Model):
    """What a hospital's physicians of one speciality usually ask for. Codes only; it has no name of its own."""

    id = models.UUIDField(primary_key=True, editable=False)  # made by the client
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="request_templates")
    speciality = models.CharField(max_length=20, choices=Speciality)
    category = models.CharField(max_length=12, choices=Category)
    capabilities = ArrayField(models.CharField(max_length=16, choices=Capability), default=list, blank=True)
    urgency = models.CharField(max_length=8, choices=Urgency)
    age_band = models.CharField(max_length=12, choices=AgeBand, blank=True)
    transport_mode = models.CharField(max_length=12, choices=TransportMode, blank=True)
    version = models.PositiveIntegerField(default=1)  # If-Match

    class Meta:
        constraints = [
            # Two chips that look the same would make a tired thumb wonder which one.
            models.UniqueConstraint(
                fields=["hospital", "speciality", "category", "capabilities", "urgency", "age_band", "transport_mode"], name="template_once"
            ),
            models.CheckConstraint(condition=Q(speciality__in=Speciality.values), name="template_speciality_known"),
            models.CheckConstraint(condition=Q(category__in=Category.values), name="template_category_known"),
            models.CheckConstraint(condition=Q(capabilities__contained_by=Capability.values), name="template_capabilities_known"),
            models.CheckConstraint(condition=Q(urgency__in=Urgency.values), name="template_urgency_known"),
            models.CheckConstraint(condition=Q(age_band__in=["", *AgeBand.values]), name="template_age_band_known"),
            models.CheckConstraint(condition=Q(transport_mode__in=["", *TransportMode.values]), name="template_transport_mode_known"),
        ]


class Candidate(models.Model):
    """One hospital asked. Its state moves only along ``beds.transitions``."""

    id = models.UUIDField(primary_key=True, editable=False)  # made by the client
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="candidates")
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="+")
    role = models.ForeignKey(DutyRole, on_delete=models.PROTECT, related_name="+")  # who answers
    # Null while nobody has written: only a person's device holds keys, the software that asked holds none.
    conversation = models.OneToOneField(Conversation, null=True, blank=True, on_delete=models.PROTECT, related_name="candidate")
    state = models.CharField(max_length=20, choices=[(s.value, s.value) for s in State], default=State.SUBMITTED.value)
    reason = models.CharField(max_length=32, blank=True)
    wave = models.PositiveSmallIntegerField(default=1)  # from 1
    # Null while it is a draft, and for good when it ended as one: the hospital never learns of it. Default: asked at once.
    asked_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    acknowledge_by = models.DateTimeField(null=True, blank=True)  # null as long as nobody was asked
    escalation = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    # Read with it (``access``), never stored: its alarms in their order, the offer the destination signed, its role's chain while it waits.
    calls: list["Alarm"]
    offer: "SignedStep | None"
    chain: list[dict[str, Any]] | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "hospital"], name="candidate_hospital_once"),
            models.UniqueConstraint(
                fields=["request"], condition=Q(state__in=sorted(s.value for s in COMMITTED)), name="candidate_one_confirmed"
            ),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in State]), name="candidate_state_known"),
            models.CheckConstraint(condition=Q(reason__in=["", *sorted(REASONS)]), name="candidate_reason_known"),
            models.CheckConstraint(condition=Q(wave__gte=1), name="candidate_wave_from_one"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "cancelled"], asked_at=None, acknowledge_by=None)
                | (~Q(state="draft") & Q(asked_at__isnull=False, acknowledge_by__isnull=False)),
                name="candidate_draft_was_not_asked",
            ),
        ]
        indexes = [
            models.Index(fields=["acknowledge_by"], condition=Q(state="submitted"), name="candidate_overdue"),
            models.Index(fields=["changed_at"], condition=Q(state="held"), name="candidate_held"),
            models.Index(fields=["hospital", "request"], name="candidate_by_hospital"),
            models.Index(fields=["hospital", "asked_at"], name="candidate_by_hospital_asked"),
            models.Index(fields=["request"], condition=~Q(state__in=sorted(s.value for s in TERMINAL)), name="candidate_not_ended"),
        ]


class Hold(models.Model):
    """A bed promised for a time: one place of a capacity's count, and the single bed where the hospital tracks them.

    ``during`` ends when the promise ends, so a hold that ran out never blocks, whether or not a sweeper ran. ``place`` counts from 0 and is
    below the free beds at the moment of the promise: with it a count has the same exclusion constraint as a single bed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    candidate = models.OneToOneField(Candidate, on_delete=models.PROTECT, related_name="hold")
    bed = models.ForeignKey(Bed, null=True, blank=True, on_delete=models.PROTECT, related_name="holds")
    capacity = models.ForeignKey(Capacity, on_delete=models.PROTECT, related_name="holds")
    place = models.PositiveIntegerField()
    during = DateTimeRangeField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="hold_one_promise_per_place",
                expressions=[("capacity", RangeOperators.EQUAL), ("place", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
            ),
            ExclusionConstraint(
                name="hold_one_promise_per_bed",
                expressions=[("bed", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
                condition=Q(bed__isnull=False),
            ),
        ]


class Transition(models.Model):
    """The history of a candidate, for both hospitals' eyes: who moved it, in which role, from where to where."""

    candidate = models.ForeignKey(Candidate, on_delete=models.CASCADE, related_name="transitions")
    action = models.CharField(max_length=24)
    source = models.CharField(max_length=20)
    target = models.CharField(max_length=20)
    reason = models.CharField(max_length=32, blank=True)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")  # null: a clock, or software
    software = models.CharField(max_length=60, blank=True)  # its name, where it was a hospital's own
    role = models.ForeignKey(DutyRole, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(reason__in=["", *sorted(REASONS)]), name="transition_reason_known"),
            models.CheckConstraint(condition=Q(person=None) | Q(software=""), name="transition_by_person_or_software"),
        ]


class SignedStep(models.Model):
    """What a device signed when a bed was promised or taken (protocol 12), exactly as signed; a trigger refuses every change."""

    class Kind(models.TextChoices):
        OFFER = "offer"
        ACCEPTANCE = "acceptance"

    candidate = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="signed_steps")
    kind = models.CharField(max_length=12, choices=Kind)
    header = models.BinaryField(max_length=2048)
    signature = models.BinaryField(max_length=64)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    # The last statement of the key directory when this was signed: a receipt shows the device's chain as it was then, whenever it is made.
    directory_place = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["candidate", "kind"], name="signedstep_once"),
            models.CheckConstraint(condition=Q(kind__in=["offer", "acceptance"]), name="signedstep_kind_known"),
        ]
