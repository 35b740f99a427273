"""The shapes of the board, of figures, their history and single beds on the wire (docs/api-contract.md, Beds).

Invariant: shape only, no rules. A number, a time or a code of a closed list, in and out; there is no field for a word of one's own.
"""

from rest_framework import serializers

from beds.models import FIGURE_AT_MOST, AgeBand, Assessment, Bed, Capability, Category, Cause, Limit, Override, Sex, Source

HOSPITALS_AT_ONCE = 50


class BoardFilter(serializers.Serializer):
    category = serializers.ChoiceField(Category.choices, required=False)
    capability = serializers.ChoiceField(Capability.choices, required=False)
    hospital = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=HOSPITALS_AT_ONCE,
        help_text="Only these: for a client that heard of a change there (``hospital=...&hospital=...``).",
    )


class BoardRole(serializers.Serializer):
    role = serializers.UUIDField()
    categories = serializers.ListField(child=serializers.CharField())
    escalates_to = serializers.ListField(
        child=serializers.UUIDField(), help_text="Roles its chain leads to: a request to this role is sealed to them as well."
    )
    on_duty = serializers.BooleanField(help_text="Whether anybody holds the role now; who, only colleagues see (GET /directory).")


class Judgement(serializers.Serializer):
    """What a hospital says beside the three counts. Left out: as it was. Null: unknown."""

    reserve_24h = serializers.IntegerField(min_value=0, max_value=FIGURE_AT_MOST, required=False, allow_null=True)
    reserve_72h = serializers.IntegerField(
        min_value=0, max_value=FIGURE_AT_MOST, required=False, allow_null=True, help_text="Those of 24 h are among them."
    )
    assessment = serializers.ChoiceField(Assessment.choices, required=False)
    limits = serializers.ListField(child=serializers.ChoiceField(Limit.choices), required=False, max_length=len(Limit))
    free_ecmo = serializers.IntegerField(min_value=0, max_value=FIGURE_AT_MOST, required=False, allow_null=True)
    free_crrt = serializers.IntegerField(min_value=0, max_value=FIGURE_AT_MOST, required=False, allow_null=True)
    sex_restriction = serializers.ChoiceField(Sex.choices, required=False, allow_blank=True)
    age_bands = serializers.ListField(child=serializers.ChoiceField(AgeBand.choices), required=False, max_length=len(AgeBand))


class FiguresIn(Judgement):
    staffed = serializers.IntegerField(min_value=0, max_value=FIGURE_AT_MOST)
    occupied = serializers.IntegerField(min_value=0, max_value=FIGURE_AT_MOST)
    blocked = serializers.IntegerField(min_value=0, max_value=FIGURE_AT_MOST)
    override = serializers.ChoiceField(
        Override.choices, required=False, help_text="Why a figure that the hospital's software counts is counted by hand."
    )


class UnitFigures(serializers.Serializer):
    capacity = serializers.UUIDField()
    unit = serializers.UUIDField()
    name = serializers.CharField()
    category = serializers.ChoiceField(Category.choices)
    staffed = serializers.IntegerField()
    occupied = serializers.IntegerField()
    blocked = serializers.IntegerField()
    held = serializers.IntegerField(help_text="Promised now; derived from the holds.")
    available = serializers.IntegerField(help_text="staffed - occupied - blocked - held, not below zero; derived.")
    capabilities = serializers.ListField(child=serializers.ChoiceField(Capability.choices))
    reserve_24h = serializers.IntegerField(allow_null=True, help_text="Beds more that could be staffed within 24 h; null: unknown.")
    reserve_72h = serializers.IntegerField(allow_null=True, help_text="Within 72 h, those of 24 h among them; null: unknown.")
    assessment = serializers.ChoiceField(Assessment.choices)
    limits = serializers.ListField(child=serializers.ChoiceField(Limit.choices))
    free_ecmo = serializers.IntegerField(allow_null=True, help_text="Free slots; null: unknown.")
    free_crrt = serializers.IntegerField(allow_null=True, help_text="Free slots; null: unknown.")
    sex_restriction = serializers.ChoiceField(Sex.choices, allow_blank=True)
    age_bands = serializers.ListField(child=serializers.ChoiceField(AgeBand.choices), help_text="Empty: any age.")
    reported_at = serializers.DateTimeField()
    is_stale = serializers.BooleanField(help_text="Older than the hospital's own limit.")
    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]
    override = serializers.ChoiceField(
        Override.choices, allow_blank=True, help_text="Set while somebody counts by hand what the hospital's software counts."
    )
    is_by_bed = serializers.BooleanField(help_text="The counts are those of single beds (GET /units/<id>/beds).")
    version = serializers.IntegerField(help_text="For If-Match.")


class BoardHospital(serializers.Serializer):
    hospital = serializers.UUIDField()
    distance_km = serializers.IntegerField(allow_null=True)
    stale_after_seconds = serializers.IntegerField(
        help_text="The hospital's own limit: a figure older than this is stale, also while nobody asks."
    )
    roles = BoardRole(many=True)
    units = UnitFigures(many=True, help_text="Empty: not reported, which is unknown and not zero.")


class Board(serializers.Serializer):
    hospitals = BoardHospital(many=True)


class HistoryFilter(serializers.Serializer):
    since = serializers.DateTimeField(required=False, help_text="Default: a week before ``until``.")
    until = serializers.DateTimeField(required=False, help_text="Default: now.")


class HistoryPoint(serializers.Serializer):
    at = serializers.DateTimeField(help_text="From when on it stood so.")
    staffed = serializers.IntegerField()
    occupied = serializers.IntegerField()
    blocked = serializers.IntegerField()
    free = serializers.IntegerField(help_text="staffed - occupied - blocked as reported; promises not counted.")
    free_least = serializers.IntegerField(help_text="The least free within this point's span; differs from ``free`` only where thinned.")
    assessment = serializers.ChoiceField(Assessment.choices)
    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]
    cause = serializers.ChoiceField(Cause.choices)


class History(serializers.Serializer):
    capacity = serializers.UUIDField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    is_thinned = serializers.BooleanField(help_text="There were more reports than points: each point stands for a span.")
    points = HistoryPoint(many=True)


class BedIn(serializers.Serializer):
    status = serializers.ChoiceField(Bed.Status.choices)
    override = serializers.ChoiceField(Override.choices, required=False)


class BedOut(serializers.Serializer):
    bed = serializers.UUIDField(source="id")
    capacity = serializers.UUIDField()
    category = serializers.ChoiceField(Category.choices)
    label = serializers.CharField()  # type: ignore[assignment]
    status = serializers.ChoiceField(Bed.Status.choices, help_text="HL7 v2-0116.")
    is_held = serializers.BooleanField(help_text="Promised now.")
    changed_at = serializers.DateTimeField()
    version = serializers.IntegerField(help_text="For If-Match.")


class Beds(serializers.Serializer):
    beds = BedOut(many=True)


class BedReported(serializers.Serializer):
    bed = BedOut()
    figure = UnitFigures(help_text="The figure as it counts now; ``version`` is what an undo names.")
