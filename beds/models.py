"""Capacity, beds, holds, requests and candidates.

Invariant: one bed, one promise, enforced by the database: exclusion constraints for single beds and for the numbered places of a count, a
CHECK for the figure's bounds, a partial unique index for the one confirmed candidate of a request. No column of this module can take free
text about a patient: every value is one of a closed list, by CHECK.
"""

import uuid

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from beds.transitions import COMMITTED, REASONS, TERMINAL, State
from identity.models import Device, DutyRole, Hospital, Person, Unit
from messaging.models import Conversation


class Category(models.TextChoices):
    ICU_HIGH = "icu-high"
    ICU_LOW = "icu-low"
    IMC = "imc"
    WARD = "ward"
    PICU = "picu"
    NICU = "nicu"
    PEDS = "peds"
    BURN = "burn"
    NURSERY = "nursery"
    PSYCH = "psych"
    REHAB = "rehab"
    ED = "ed"
    OBSTETRIC = "obstetric"


class Capability(models.TextChoices):
    NIV = "niv"
    INVASIVE_VENT = "invasive-vent"
    ECMO = "ecmo"
    CRRT = "crrt"
    OXYGEN = "oxygen"
    TELEMETRY = "telemetry"
    ISOLATION = "isolation"
    BARIATRIC = "bariatric"


class Urgency(models.TextChoices):
    STAT = "stat"
    ASAP = "asap"
    URGENT = "urgent"
    ROUTINE = "routine"


class AgeBand(models.TextChoices):
    NEONATE = "neonate"
    INFANT = "infant"
    CHILD = "child"
    ADOLESCENT = "adolescent"
    ADULT = "adult"
    SENIOR = "senior"


class Sex(models.TextChoices):
    """Only where it matters for the room."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


class TransportMode(models.TextChoices):
    GROUND = "ground"
    AIR = "air"
    OWN = "own"


class Speciality(models.TextChoices):
    ANAESTHESIA = "anaesthesia"
    INTERNAL_MEDICINE = "internal-medicine"
    CARDIOLOGY = "cardiology"
    PNEUMOLOGY = "pneumology"
    NEPHROLOGY = "nephrology"
    GASTROENTEROLOGY = "gastroenterology"
    ONCOLOGY = "oncology"
    NEUROLOGY = "neurology"
    NEUROSURGERY = "neurosurgery"
    SURGERY = "surgery"
    TRAUMA = "trauma"
    CARDIAC_SURGERY = "cardiac-surgery"
    VASCULAR_SURGERY = "vascular-surgery"
    BURNS = "burns"
    PAEDIATRICS = "paediatrics"
    NEONATOLOGY = "neonatology"
    OBSTETRICS = "obstetrics"
    PSYCHIATRY = "psychiatry"
    REHABILITATION = "rehabilitation"


class Capacity(models.Model):
    """A unit's figure for one category. ``available`` is derived, never stored."""

    class Source(models.TextChoices):
        MANUAL = "manual"
        ADT = "adt"
        API = "api"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="capacities")
    category = models.CharField(max_length=12, choices=Category)
    staffed = models.PositiveIntegerField()
    occupied = models.PositiveIntegerField(default=0)
    blocked = models.PositiveIntegerField(default=0)
    capabilities = ArrayField(models.CharField(max_length=16, choices=Capability), default=list, blank=True)
    reported_at = models.DateTimeField(default=timezone.now)
    reporter = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=8, choices=Source, default=Source.MANUAL)
    version = models.PositiveIntegerField(default=1)  # If-Match
    held: int  # promises standing now; annotated where it is read, never stored

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "category"], name="capacity_once"),
            models.CheckConstraint(condition=Q(staffed__gte=F("occupied") + F("blocked")), name="capacity_within_staffed"),
            models.CheckConstraint(condition=Q(category__in=Category.values), name="capacity_category_known"),
            models.CheckConstraint(condition=Q(capabilities__contained_by=Capability.values), name="capacity_capabilities_known"),
        ]


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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["unit", "label"], name="bed_label_once")]


class Request(models.Model):
    """A bed sought. In clear: what the search needs, never who the patient is (3-beds, guarantee 5)."""

    id = models.UUIDField(primary_key=True, editable=False)  # made by the client
    origin = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="+")
    requester = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    role = models.ForeignKey(DutyRole, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    category = models.CharField(max_length=12, choices=Category)
    capabilities = ArrayField(models.CharField(max_length=16, choices=Capability), default=list, blank=True)
    urgency = models.CharField(max_length=8, choices=Urgency)
    age_band = models.CharField(max_length=12, choices=AgeBand, blank=True)
    sex = models.CharField(max_length=8, choices=Sex, blank=True)
    transport_mode = models.CharField(max_length=12, choices=TransportMode, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)  # when the last candidate came to its end

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(category__in=Category.values), name="request_category_known"),
            models.CheckConstraint(condition=Q(capabilities__contained_by=Capability.values), name="request_capabilities_known"),
            models.CheckConstraint(condition=Q(urgency__in=Urgency.values), name="request_urgency_known"),
            models.CheckConstraint(condition=Q(age_band__in=["", *AgeBand.values]), name="request_age_band_known"),
            models.CheckConstraint(condition=Q(sex__in=["", *Sex.values]), name="request_sex_known"),
            models.CheckConstraint(condition=Q(transport_mode__in=["", *TransportMode.values]), name="request_transport_mode_known"),
        ]
        indexes = [
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
    conversation = models.OneToOneField(Conversation, on_delete=models.PROTECT, related_name="candidate")
    state = models.CharField(max_length=20, choices=[(s.value, s.value) for s in State], default=State.SUBMITTED.value)
    reason = models.CharField(max_length=32, blank=True)
    acknowledge_by = models.DateTimeField()
    escalation = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "hospital"], name="candidate_hospital_once"),
            models.UniqueConstraint(
                fields=["request"], condition=Q(state__in=sorted(s.value for s in COMMITTED)), name="candidate_one_confirmed"
            ),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in State]), name="candidate_state_known"),
            models.CheckConstraint(condition=Q(reason__in=["", *sorted(REASONS)]), name="candidate_reason_known"),
        ]
        indexes = [
            models.Index(fields=["acknowledge_by"], condition=Q(state="submitted"), name="candidate_overdue"),
            models.Index(fields=["changed_at"], condition=Q(state="held"), name="candidate_held"),
            models.Index(fields=["hospital", "request"], name="candidate_by_hospital"),
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
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")  # null: a clock
    role = models.ForeignKey(DutyRole, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(reason__in=["", *sorted(REASONS)]), name="transition_reason_known")]


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
