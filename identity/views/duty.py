"""Duty: what I may hold, take it, hand it over."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest
from identity.fields import Base64UrlField
from identity.models import Duty, shown_until
from identity.services import duty as on_duty
from identity.services.duty import Eligibility
from identity.views.sessions import GenerationSerializer


class PlannedTurnSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField(source="person_id")
    since = serializers.DateTimeField(source="started_at")
    until = serializers.DateTimeField(source="ended_at", allow_null=True)


class GapSerializer(serializers.Serializer):  # type: ignore[type-arg]
    since = serializers.DateTimeField(source="start")
    until = serializers.DateTimeField(source="end", allow_null=True)


class EligibilitySerializer(serializers.Serializer):  # type: ignore[type-arg]
    role = serializers.UUIDField()
    holder = serializers.UUIDField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    sealed = Base64UrlField()
    generation = serializers.IntegerField(help_text="Of the sealed seed.")
    keys = GenerationSerializer(many=True)
    turns = PlannedTurnSerializer(many=True, help_text="The running one and those of the next seven days.")
    gaps = GapSerializer(many=True, help_text="When nobody has a turn, within the next seven days.")


class EligibilitiesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = EligibilitySerializer(many=True)


class TakeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)


class HandOverSerializer(TakeSerializer):
    to = serializers.UUIDField()


class TurnSerializer(serializers.Serializer):  # type: ignore[type-arg]
    role = serializers.UUIDField()
    holder = serializers.UUIDField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)


class DutyView(APIView):
    """``/duty``"""

    @extend_schema(responses=EligibilitiesSerializer)
    def get(self, request: ActorRequest) -> Response:
        """The roles the actor is eligible for, with their sealed seeds. Audited."""
        return Response(EligibilitiesSerializer({"results": [_shown(entry) for entry in on_duty.read(actor=request.actor)]}).data)


class TakeDutyView(APIView):
    """``/duty/<role>/take``"""

    @extend_schema(request=TakeSerializer, responses=TurnSerializer)
    @idempotent
    def post(self, request: ActorRequest, role: UUID) -> Response:
        """Hold a role from now; who held it no longer does."""
        given = parsed(TakeSerializer, request.data)
        return _turn(on_duty.take(actor=request.actor, role_id=role, until=given["until"]))


class HandOverDutyView(APIView):
    """``/duty/<role>/hand-over``"""

    @extend_schema(request=HandOverSerializer, responses=TurnSerializer)
    @idempotent
    def post(self, request: ActorRequest, role: UUID) -> Response:
        """Give a role one holds to an eligible colleague."""
        given = parsed(HandOverSerializer, request.data)
        return _turn(on_duty.hand_over(actor=request.actor, role_id=role, to=given["to"], until=given["until"]))


def _turn(duty: Duty) -> Response:
    shown = {"role": duty.role_id, "holder": duty.person_id, "since": duty.started_at, "until": shown_until(duty)}
    return Response(TurnSerializer(shown).data)


def _shown(entry: Eligibility) -> dict[str, Any]:
    holder = entry.holder
    return {
        "role": entry.seal.role_id,
        "holder": holder.person_id if holder else None,
        "since": holder.started_at if holder else None,
        "until": shown_until(holder) if holder else None,
        "sealed": entry.seal.sealed,
        "generation": entry.seal.generation,
        "keys": entry.generations,
        "turns": entry.turns,
        "gaps": entry.gaps,
    }
