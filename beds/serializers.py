"""The shapes of capacity, requests and candidates on the wire (docs/api-contract.md, Beds).

Invariant: shape only, no rules; what goes out is made in ``beds.views.rows``. Every value that comes in is an id, a number, a code of a
closed list or ciphertext: a name or a sentence about a patient has no field.
"""

from typing import Any

from rest_framework import serializers

from beds.escalation import How, Whom
from beds.models import (
    AgeBand,
    Alarm,
    Candidate,
    Capability,
    Category,
    Hold,
    Request,
    Sex,
    Transition,
    TransportMode,
    Urgency,
)
from beds.services.asking import ASKED_AT_MOST
from beds.transitions import (
    REASONS,
    STEPS,
    WAVE_INTERVAL_AT_LEAST,
    WAVE_INTERVAL_AT_MOST,
    State,
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


class NewTalk(NewConversation):
    role = serializers.UUIDField(required=False, allow_null=True, help_text="The duty role acted in.")


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
    hold = HoldOut(allow_null=True, read_only=True)
    offer = SignedHeader(
        allow_null=True, read_only=True, help_text="What the destination signed, while the bed is held: the origin's device accepts this."
    )
    conversation = serializers.UUIDField(
        source="conversation_id", allow_null=True, read_only=True, help_text="Null while nobody has written about what software asked for."
    )
    wave = serializers.IntegerField(
        allow_null=True, read_only=True, help_text="Null for the asked hospital: it would tell how many were asked before."
    )
    alarms = AlarmOut(many=True, help_text="In their order; position 0 is the asking itself.")
    next_alarm = NextAlarm(
        allow_null=True, read_only=True, help_text="Due at ``acknowledge_by`` unless somebody acknowledges; null: then it ends."
    )
    actions = serializers.ListField(
        child=serializers.ChoiceField(list(STEPS)), read_only=True, help_text="What the table allows the actor now."
    )

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


class TransitionOut(serializers.ModelSerializer):
    action = serializers.ChoiceField(
        [*STEPS, "escalate", "alarm-failed"],
        help_text="``escalate``: the clock raised an alarm, ``alarm-failed``: it did not arrive; the state stayed.",
    )
    at = serializers.DateTimeField(source="created_at")

    class Meta:
        model = Transition
        fields = ("action", "source", "target", "reason", "person", "software", "role", "at")


class CandidateDetail(CandidateOut):
    transitions = TransitionOut(many=True)

    class Meta(CandidateOut.Meta):
        fields = (*CandidateOut.Meta.fields, "transitions")


class RequestOut(serializers.ModelSerializer):
    candidates = CandidateOut(many=True)
    requester = serializers.UUIDField(source="requester_id", allow_null=True, read_only=True, help_text="Null where software asked.")
    software = serializers.CharField(read_only=True, help_text="The name of the origin's own software, where that asked; else empty.")
    closed_at = serializers.DateTimeField(allow_null=True, read_only=True, help_text="For an asked hospital: when its own part ended.")
    wave_interval = serializers.IntegerField(
        allow_null=True, read_only=True, help_text="Seconds; null when all were asked at once, and for an asked hospital."
    )
    next_wave_at = serializers.DateTimeField(
        allow_null=True,
        read_only=True,
        help_text="When the next are asked if nobody acknowledges; null when nobody waits to be asked, and for an asked hospital.",
    )

    class Meta:
        model = Request
        fields: tuple[str, ...] = (
            *("id", "origin", "requester", "role", "software"),
            *("category", "capabilities", "urgency", "age_band", "sex", "transport_mode"),
            *("created_at", "closed_at", "wave_interval", "next_wave_at", "candidates"),
        )


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
