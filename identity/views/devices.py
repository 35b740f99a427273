"""The own devices; a registrar revokes those of the hospital's members as well."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, IsRegistrar
from identity.fields import SignedSerializer
from identity.services import devices


class DeviceSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]
    is_restored = serializers.BooleanField(help_text="Became a device by two recovery officers of the hospital.")
    is_recovered = serializers.BooleanField(help_text="Became a device by the printed recovery code.")
    is_by_passkey = serializers.BooleanField(help_text="Became a device by a synced passkey alone.")
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class DevicesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = DeviceSerializer(many=True)


class RevocationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    statement = SignedSerializer(help_text="Kind device-revoked.")


class DevicesView(APIView):
    """``/devices``"""

    @extend_schema(responses=DevicesSerializer)
    def get(self, request: ActorRequest) -> Response:
        """All devices the actor ever had."""
        return Response(DevicesSerializer({"results": devices.read_own(actor=request.actor)}).data)


class MemberDevicesView(APIView):
    """``/members/<person>/devices``"""

    permission_classes = [IsRegistrar]

    @extend_schema(responses=DevicesSerializer)
    def get(self, request: ActorRequest, person: UUID) -> Response:
        """All devices a member ever had, for the registrar who is to revoke a lost one."""
        found = devices.read_of_member(actor=request.actor, person_id=person)
        return Response(DevicesSerializer({"results": found}).data)


class RevokeDeviceView(APIView):
    """``/devices/<id>/revoke``"""

    @extend_schema(request=RevocationSerializer, responses=DeviceSerializer)
    @idempotent
    def post(self, request: ActorRequest, device: UUID) -> Response:
        """Lock a device out: its sign-ins and sockets end at once."""
        given = parsed(RevocationSerializer, request.data)
        revoked = devices.revoke(actor=request.actor, device_id=device, signed=given["statement"])
        return Response(DeviceSerializer(revoked).data)
