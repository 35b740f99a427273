"""Duty roles: what registrars state about them, and the former seeds that the eligible hand on."""

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
from identity.services import role_history, role_rotation, roles
from identity.services.role_rotation import Reason, Standing
from identity.services.roles import RoleDraft, Seal
from identity.views.members import NewUnitSerializer


class SealSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField()
    kid = Base64UrlField(length=16, help_text="Of the person's key it is sealed to.")
    sealed = Base64UrlField(length=1168)


class RoleDraftSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    unit = serializers.UUIDField(required=False, allow_null=True, default=None)
    categories = serializers.ListField(child=serializers.SlugField(max_length=32), max_length=32)
    profile = Base64UrlField(most=2048)
    statement = SignedSerializer(help_text="Kind role, signed by the registrar's user key.")
    seals = SealSerializer(many=True, max_length=512, help_text="None: the description alone changes.")  # type: ignore[call-arg]
    history = Base64UrlField(
        length=48, required=False, allow_null=True, default=None, help_text="Of the former seed (protocol 3), where the registrar has it."
    )


class RoleSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()


class DueSerializer(serializers.Serializer):  # type: ignore[type-arg]
    reason = serializers.ChoiceField(choices=[(reason.value, reason.value) for reason in Reason])
    person = serializers.UUIDField()
    since = serializers.DateTimeField()


class StandingSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    name = serializers.CharField()
    unit = serializers.UUIDField(allow_null=True)
    categories = serializers.ListField(child=serializers.CharField())
    generation = serializers.IntegerField()
    eligible = serializers.ListField(child=serializers.UUIDField(), help_text="Those whose seal has not ended.")
    due = DueSerializer(many=True, help_text="Why a new generation is due, oldest first; empty: it is not.")
    lacks_history = serializers.BooleanField(help_text="A former seed waits for an eligible colleague to hand it on.")


class RolesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = StandingSerializer(many=True)
    units = NewUnitSerializer(many=True)


class FormerSealSerializer(serializers.Serializer):  # type: ignore[type-arg]
    generation = serializers.IntegerField()
    sealed = Base64UrlField()


class FormerSealsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = FormerSealSerializer(many=True)


class HistorySerializer(serializers.Serializer):  # type: ignore[type-arg]
    generation = serializers.IntegerField(min_value=2, max_value=2**31 - 1)
    history = Base64UrlField(length=48, help_text="The seed of the generation before, under this one's (protocol 3).")


class HandedOnSerializer(serializers.Serializer):  # type: ignore[type-arg]
    generation = serializers.IntegerField()


class RolesView(APIView):
    """``/roles``"""

    permission_classes = [IsRegistrar]

    @extend_schema(responses=RolesSerializer)
    def get(self, request: ActorRequest) -> Response:
        """The hospital's duty roles with who is eligible and whether new keys are due, and its units. Audited."""
        found = role_rotation.read_roles(actor=request.actor)
        return Response(RolesSerializer({"results": [_shown(standing) for standing in found.standings], "units": found.units}).data)

    @extend_schema(request=RoleDraftSerializer, responses={201: RoleSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Create a duty role, or state its next generation, who is eligible, or its description."""
        given = parsed(RoleDraftSerializer, request.data)
        draft = RoleDraft(
            id=given["id"],
            name=given["name"],
            unit_id=given["unit"],
            categories=given["categories"],
            profile=given["profile"],
            seals={seal["person"]: Seal(seal["kid"], seal["sealed"]) for seal in given["seals"]},
            history=given["history"],
        )
        role = roles.state_role(actor=request.actor, draft=draft, signed=given["statement"])
        return Response(RoleSerializer(role).data, status=201)


class CloseRoleView(APIView):
    """``/roles/<role>/close``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=None, responses=RoleSerializer)
    @idempotent
    def post(self, request: ActorRequest, role: UUID) -> Response:
        """End a duty role: nobody holds it and nothing is sealed to it any more."""
        return Response(RoleSerializer(roles.close_role(actor=request.actor, role_id=role)).data)


class FormerSealsView(APIView):
    """``/duty/<role>/seals``"""

    @extend_schema(responses=FormerSealsSerializer)
    def get(self, request: ActorRequest, role: UUID) -> Response:
        """The actor's own seals of former generations of a role, while eligible for it. Audited."""
        return Response(FormerSealsSerializer({"results": role_history.read_seals(actor=request.actor, role_id=role)}).data)


class HistoryView(APIView):
    """``/duty/<role>/history``"""

    @extend_schema(request=HistorySerializer, responses=HandedOnSerializer)
    @idempotent
    def post(self, request: ActorRequest, role: UUID) -> Response:
        """Hand a role's former seed on to those who became eligible since."""
        given = parsed(HistorySerializer, request.data)
        role_history.add_history(actor=request.actor, role_id=role, generation=given["generation"], history=given["history"])
        return Response(HandedOnSerializer({"generation": given["generation"]}).data)


def _shown(standing: Standing) -> dict[str, Any]:
    role = standing.role
    return {
        "id": role.id,
        "name": role.name,
        "unit": role.unit_id,
        "categories": role.categories,
        "generation": standing.generation,
        "eligible": standing.eligible,
        "due": [one._asdict() for one in standing.due],
        "lacks_history": standing.lacks_history,
    }
