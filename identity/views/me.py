"""The own settings."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest
from identity.services import me


class QuietHoursSerializer(serializers.Serializer):  # type: ignore[type-arg]
    quiet_from = serializers.TimeField(format="%H:%M", allow_null=True, help_text="In the hospital's time zone.")
    quiet_until = serializers.TimeField(format="%H:%M", allow_null=True)


class SettingsSerializer(QuietHoursSerializer):
    time_zone = serializers.CharField()


class MeView(APIView):
    """``/me``"""

    @extend_schema(operation_id="me", responses=SettingsSerializer)
    def get(self, request: ActorRequest) -> Response:
        """The own settings. Audited."""
        return Response(SettingsSerializer(me.read_settings(actor=request.actor)).data)

    @extend_schema(operation_id="change_me", request=QuietHoursSerializer, responses=SettingsSerializer)
    @idempotent
    def patch(self, request: ActorRequest) -> Response:
        """Set or clear the quiet hours. Urgent pushes, and all while on duty, come nevertheless."""
        given = parsed(QuietHoursSerializer, request.data)
        changed = me.change_quiet_hours(actor=request.actor, begin=given["quiet_from"], end=given["quiet_until"])
        return Response(SettingsSerializer(changed).data)
