"""Many who leave at once, and what a registrar's client has yet to sign about those who left."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from backend.parsing import parsed
from identity.authentication import ActorRequest
from identity.services import devices, leavers
from identity.views.members import RegistrarsView


class LeaversSerializer(serializers.Serializer):  # type: ignore[type-arg]
    people = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=leavers.AT_ONCE)
    dry_run = serializers.BooleanField(default=False)


class LeaverSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField()
    result = serializers.ChoiceField(choices=leavers.Result.choices)
    code = serializers.CharField(allow_null=True, help_text="Why it was refused.")


class LeaverListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = LeaverSerializer(many=True)


class OwedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    device = serializers.UUIDField(source="id")
    person = serializers.UUIDField(source="person_id")


class OwedListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = OwedSerializer(many=True)


class LeaversView(RegistrarsView):
    """``/members/leavers``"""

    @extend_schema(request=LeaversSerializer, responses=LeaverListSerializer)
    def post(self, request: ActorRequest) -> Response:
        """End several memberships, each in one act of its own; the same list again changes nothing. ``dry_run``: only say so."""
        given = parsed(LeaversSerializer, request.data)
        do = leavers.rehearse if given["dry_run"] else leavers.end_all
        found = do(actor=request.actor, people=given["people"])
        return Response(LeaverListSerializer({"results": [leaver._asdict() for leaver in found]}).data)


class OwedRevocationsView(RegistrarsView):
    """``/members/owed-revocations``"""

    @extend_schema(responses=OwedListSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Devices of former members without a signed end; the registrar's client signs one each (``/devices/<id>/revoke``)."""
        return Response(OwedListSerializer({"results": devices.read_owed(actor=request.actor)}).data)
