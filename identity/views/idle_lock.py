"""The hospital's idle lock."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, IsRegistrar
from identity.services import idle_lock


class IdleLockSerializer(serializers.Serializer):  # type: ignore[type-arg]
    minutes = serializers.IntegerField(min_value=1, max_value=60)


class IdleLockView(APIView):
    """``/hospital/idle-lock``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=IdleLockSerializer, responses=IdleLockSerializer)
    @idempotent
    def put(self, request: ActorRequest) -> Response:
        """After how many untouched minutes the phones of the own hospital lock; from their next unlocking on."""
        after = idle_lock.change(actor=request.actor, minutes=parsed(IdleLockSerializer, request.data)["minutes"])
        return Response({"minutes": int(after.total_seconds()) // 60})
