"""The shapes of capacity, requests and candidates on the wire (docs/api-contract.md, Beds).

Invariant: shape only, no rules. Every value that comes in is an id, a number, a code of a closed list or ciphertext: a name or a sentence
about a patient has no field.
"""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from beds import access
from beds.escalation import How, Whom, step_at, steps_for
from beds.models import (
    AgeBand,
    Alarm,
    Candidate,
    Capability,
    Category,
    Hold,
    Request,
    Sex,
    SignedStep,
    Transition,
    TransportMode,
    Urgency,
)
from beds.services.asking import ASKED_AT_MOST
from beds.services.receipts import as_json
from beds.transitions import (
    ESCALATIONS_AT_MOST,
    REASONS,
    STEPS,
    TERMINAL,
    WAVE_INTERVAL_AT_LEAST,
    WAVE_INTERVAL_AT_MOST,
    State,
    actions_from,
)
from messaging.envelopes import refusal
from wardline_client.protocol import ProtocolError, Signed, decode
from wardline_client.protocol.promises import MAX_PROMISE


class SealedEpochIn(serializers.Serializer):
    h = serializers.CharField()
    w = serializers.ListField(child=serializers.CharField())
    s = serializers.CharField()


class EnvelopeIn(serializers.Serializer):
    h = serializers.CharField()
    c = serializers.CharField()
    s = serializers.CharField()


class NewConversation(serializers.Serializer):
    id = serializers.UUIDField()
    epoch = SealedEpochIn()


class NewCandidate(serializers.Serializer):
    id = serializers.UUIDField()
    hospital = serializers.UUIDField()
    role = serializers.UUIDField(help_text="The duty role that is asked.")
    conversation = NewConversation()
    message = EnvelopeIn(required=False, allow_null=True)
    wave = serializers.IntegerField(
        min_value=1, max_value=ASKED_AT_MOST, required=False, help_text="Later waves are drafts until their turn; from 1, by default 1."
    )


class NewRequest(serializers.Serializer):
    id = serializers.UUIDField()
    role = serializers.UUIDField(required=False, allow_null=True, help_text="The duty role acted in.")
    category = serializers.ChoiceField(Category.choices)
    capabilities = serializers.ListField(child=serializers.ChoiceField(Capability.choices), required=False, max_length=len(Capability))
    urgency = serializers.ChoiceField(Urgency.choices)
    age_band = serializers.ChoiceField(AgeBand.choices, required=False, allow_blank=True)
    sex = serializers.ChoiceField(Sex.choices, required=False, allow_blank=True, help_text="Only where it matters for the room.")
    transport_mode = serializers.ChoiceField(TransportMode.choices, required=False, allow_blank=True)
    wave_interval = serializers.IntegerField(
        min_value=WAVE_INTERVAL_AT_LEAST,
        max_value=WAVE_INTERVAL_AT_MOST,
        required=False,
        allow_null=True,
        help_text="Seconds from one wave to the next; by default the urgency's time to acknowledge.",
    )
    candidates = NewCandidate(many=True, allow_empty=False, max_length=ASKED_AT_MOST)  # type: ignore[call-arg]


class SignedHeader(serializers.Serializer):
    h = serializers.CharField(max_length=MAX_PROMISE * 4 // 3 + 1, trim_whitespace=False)
    s = serializers.CharField(max_length=86, trim_whitespace=False)

    def validate(self, attrs: dict[str, str]) -> Any:
        """Raises: Invalid: ``encoding.not_canonical``."""
        try:
            return Signed(decode(attrs["h"]), decode(attrs["s"]))
        except ProtocolError as error:
            raise refusal(error) from None


class StepIn(serializers.Serializer):
    role = serializers.UUIDField(required=False, allow_null=True)
    # Not a ChoiceField: an unknown one is answered with the step's own codes (``reason.unknown``).
    reason = serializers.CharField(required=False, allow_blank=True, max_length=32, help_text=", ".join(sorted(REASONS)))
    offer = SignedHeader(required=False, allow_null=True, help_text="For hold: what the acting device signs (protocol 12).")
    acceptance = SignedHeader(required=False, allow_null=True, help_text="For confirm: the same for the origin.")


class CancelIn(serializers.Serializer):
    role = serializers.UUIDField(required=False, allow_null=True)
    reason = serializers.CharField(max_length=32)


class RequestFilter(serializers.Serializer):
    state = serializers.ChoiceField(["open", "closed"], required=False)


class HoldOut(serializers.ModelSerializer):
    unit = serializers.UUIDField(source="capacity.unit_id")
    expires_at = serializers.DateTimeField(
        source="during.upper", allow_null=True, help_text="Null once confirmed: it stands until somebody ends it."
    )

    class Meta:
        model = Hold
        fields = ("capacity", "unit", "bed", "expires_at")


class AlarmOut(serializers.ModelSerializer):
    """A duty role called to the request; who stood behind it is its hospital's own."""

    class Meta:
        model = Alarm
        fields = ("position", "role", "whom", "how", "raised_at", "reached_at", "failed_at", "failure")


class NextAlarm(serializers.Serializer):
    role = serializers.UUIDField()
    whom = serializers.ChoiceField(list(Whom))
    how = serializers.ChoiceField(list(How))


class CandidateOut(serializers.ModelSerializer):
    """A candidate as the actor's side sees it."""

    state = serializers.ChoiceField([(state.value, state.name) for state in State])
    hold = serializers.SerializerMethodField()
    offer = serializers.SerializerMethodField(
        help_text="What the destination signed, while the bed is held: the origin's device accepts this."
    )
    wave = serializers.SerializerMethodField(help_text="Null for the asked hospital: it would tell how many were asked before.")
    alarms = AlarmOut(many=True, help_text="In their order; position 0 is the asking itself.")
    next_alarm = serializers.SerializerMethodField(help_text="Due at ``acknowledge_by`` unless somebody acknowledges; null: then it ends.")
    actions = serializers.SerializerMethodField(help_text="What the table allows the actor now.")

    class Meta:
        model = Candidate
        fields: tuple[str, ...] = (
            "id",
            "hospital",
            "role",
            "conversation",
            "state",
            "reason",
            "wave",
            "asked_at",
            "acknowledge_by",
            "escalation",
            "alarms",
            "next_alarm",
            "hold",
            "offer",
            "version",
            "changed_at",
            "actions",
        )

    @extend_schema_field(HoldOut(allow_null=True))
    def get_hold(self, candidate: Candidate) -> dict[str, Any] | None:
        """The promise while there is one; a hold that has ended is history."""
        has_hold = candidate.state not in TERMINAL and hasattr(candidate, "hold")
        return HoldOut(candidate.hold).data if has_hold else None

    @extend_schema_field(SignedHeader(allow_null=True))
    def get_offer(self, candidate: Candidate) -> dict[str, str] | None:
        offers = [step for step in candidate.signed_steps.all() if step.kind == SignedStep.Kind.OFFER]
        return as_json(offers[0]) if candidate.state == State.HELD and offers else None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_wave(self, candidate: Candidate) -> int | None:
        return candidate.wave if candidate.request.origin_id == self.context["actor"].hospital_id else None

    @extend_schema_field(NextAlarm(allow_null=True))
    def get_next_alarm(self, candidate: Candidate) -> dict[str, Any] | None:
        position = candidate.escalation + 1
        if candidate.state != State.SUBMITTED or position > ESCALATIONS_AT_MOST:
            return None
        step = step_at(steps_for(candidate.role.escalation_steps.all(), candidate.request.urgency), position, within=0)
        return NextAlarm({"role": step.target or candidate.role_id, "whom": step.whom, "how": step.how}).data

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(list(STEPS))))
    def get_actions(self, candidate: Candidate) -> list[str]:
        sides = access.sides_of(self.context["actor"], candidate, candidate.request)
        actions = [action for action in STEPS if any(action in actions_from(candidate.state, side) for side in sides)]
        return [action for action in actions if action != "confirm" or candidate.hold.during.upper > timezone.now()]


class TransitionOut(serializers.ModelSerializer):
    action = serializers.ChoiceField(
        [*STEPS, "escalate", "alarm-failed"],
        help_text="``escalate``: the clock raised an alarm, ``alarm-failed``: it did not arrive; the state stayed.",
    )
    at = serializers.DateTimeField(source="created_at")

    class Meta:
        model = Transition
        fields = ("action", "source", "target", "reason", "person", "role", "at")


class CandidateDetail(CandidateOut):
    transitions = TransitionOut(many=True)

    class Meta(CandidateOut.Meta):
        fields = (*CandidateOut.Meta.fields, "transitions")


class RequestOut(serializers.ModelSerializer):
    candidates = CandidateOut(many=True)
    closed_at = serializers.SerializerMethodField(help_text="For an asked hospital: when its own part ended.")
    wave_interval = serializers.SerializerMethodField(help_text="Seconds; null when all were asked at once, and for an asked hospital.")
    next_wave_at = serializers.SerializerMethodField(
        help_text="When the next are asked if nobody acknowledges; null when nobody waits to be asked, and for an asked hospital."
    )

    class Meta:
        model = Request
        fields: tuple[str, ...] = (
            *("id", "origin", "requester", "role", "category", "capabilities", "urgency", "age_band", "sex", "transport_mode"),
            *("created_at", "closed_at", "wave_interval", "next_wave_at", "candidates"),
        )

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_closed_at(self, request: Request) -> Any:
        # The request's own end would tell an asked hospital that others were asked, and when they were done.
        closed_at = request.closed_at
        if not self._is_origin(request):
            ends = [candidate.changed_at for candidate in request.candidates.all() if candidate.state in TERMINAL]
            closed_at = ends[0] if ends else None
        return serializers.DateTimeField().to_representation(closed_at) if closed_at else None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_wave_interval(self, request: Request) -> Any:
        return request.wave_interval if self._is_origin(request) else None

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_wave_at(self, request: Request) -> Any:
        then = request.next_wave_at if self._is_origin(request) else None
        return serializers.DateTimeField().to_representation(then) if then else None

    def _is_origin(self, request: Request) -> bool:
        return request.origin_id == self.context["actor"].hospital_id


class RequestPage(serializers.Serializer):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = RequestOut(many=True)


class RequestDetail(RequestOut):
    candidates = CandidateDetail(many=True)
    similar = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="The origin's other open requests that may be about the same need; empty for who was asked.",
    )

    class Meta(RequestOut.Meta):
        fields = (*RequestOut.Meta.fields, "similar")
