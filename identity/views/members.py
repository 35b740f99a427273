"""What registrars do: approve, end, units, partners."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, IsRegistrar
from identity.fields import Base64UrlField, SignedSerializer
from identity.models import Membership
from identity.services import hospitals, members


class PendingKeysSerializer(serializers.Serializer):  # type: ignore[type-arg]
    kem = Base64UrlField()
    sign = Base64UrlField()


class PendingSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField()
    profession = serializers.CharField()
    speciality = serializers.CharField()
    unit = serializers.CharField()
    keys = PendingKeysSerializer()
    profile = Base64UrlField()
    statement = SignedSerializer(help_text="Kind device, signed by the key offered.")
    joined_at = serializers.DateTimeField()
    account = serializers.CharField(
        allow_null=True, help_text="What the hospital's own sign-in service calls them; null: not signed in there."
    )


class PendingListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = PendingSerializer(many=True)


class ApprovalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    statement = SignedSerializer(help_text="Kind member, signed by the registrar's user key.")


class MembershipSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField(source="person_id")
    state = serializers.ChoiceField(choices=Membership.State.choices)


class NewUnitSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    name = serializers.CharField(max_length=120)


class RegistrarsView(APIView):
    permission_classes = [IsRegistrar]


class PendingView(RegistrarsView):
    """``/members/pending``"""

    @extend_schema(responses=PendingListSerializer)
    def get(self, request: ActorRequest) -> Response:
        """People who joined and wait. Compare the fingerprint of both keys with the person before approving."""
        waiting = members.read_pending(actor=request.actor)
        return Response(PendingListSerializer({"results": [_pending(membership) for membership in waiting]}).data)


class ApproveView(RegistrarsView):
    """``/members/<person>/approve``"""

    @extend_schema(request=ApprovalSerializer, responses=MembershipSerializer)
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """Vouch for a person: the membership is active."""
        given = parsed(ApprovalSerializer, request.data)
        return Response(MembershipSerializer(members.approve(actor=request.actor, person_id=person, signed=given["statement"])).data)


class EndView(RegistrarsView):
    """``/members/<person>/end``"""

    @extend_schema(request=None, responses=MembershipSerializer)
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """End a membership with all sign-ins, sockets, duties, seals and keys."""
        return Response(MembershipSerializer(members.end(actor=request.actor, person_id=person)).data)


class UnitsView(RegistrarsView):
    """``/units``"""

    @extend_schema(request=NewUnitSerializer, responses={201: NewUnitSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Add a unit to the hospital."""
        given = parsed(NewUnitSerializer, request.data)
        return Response(
            NewUnitSerializer(hospitals.add_unit(actor=request.actor, unit_id=given["id"], name=given["name"])).data, status=201
        )


def _pending(membership: Membership) -> dict[str, Any]:
    person = membership.person
    stated = min(person.devices.all(), key=lambda device: device.created_at).statement
    return {
        "person": person.id,
        "name": person.name,
        "title": person.title,
        "profession": person.profession,
        "speciality": person.speciality,
        "unit": person.unit,
        "keys": {"kem": membership.offered_kem, "sign": membership.offered_sign},
        "profile": person.profile,
        "statement": {"h": stated.header, "s": stated.signature},
        "joined_at": membership.created_at,
        "account": next((subject.label or subject.subject for subject in person.sso_subjects.all() if subject.ended_at is None), None),
    }
