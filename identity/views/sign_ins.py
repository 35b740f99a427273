"""The own sign-ins."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from identity.authentication import ActorRequest
from identity.models import SignIn
from identity.services import sign_ins


class SignInRowSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    device = serializers.UUIDField()
    label = serializers.CharField(help_text="The device's.")  # type: ignore[assignment]
    method = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(help_text="To within five minutes.")
    expires_at = serializers.DateTimeField()
    is_this = serializers.BooleanField(help_text="The one that asks.")


class SignInsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = SignInRowSerializer(many=True)


class EndedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    ended = serializers.IntegerField()


class SignInsView(APIView):
    """``/sign-ins``"""

    @extend_schema(responses=SignInsSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Where the actor is signed in now."""
        found = sign_ins.read_own(actor=request.actor)
        return Response(SignInsSerializer({"results": [_row(each, request.actor.sign_in_id) for each in found]}).data)


class EndSignInView(APIView):
    """``/sign-ins/<id>/end``"""

    @extend_schema(request=None, responses=EndedSerializer)
    @idempotent
    def post(self, request: ActorRequest, sign_in: UUID) -> Response:
        """End one of them: its next request is refused, its socket closed."""
        return Response({"ended": sign_ins.end(actor=request.actor, sign_in_id=sign_in)})


class EndOtherSignInsView(APIView):
    """``/sign-ins/end-others``"""

    @extend_schema(request=None, responses=EndedSerializer)
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """End all of them but this one."""
        return Response({"ended": sign_ins.end_others(actor=request.actor)})


def _row(sign_in: SignIn, present: UUID) -> dict[str, Any]:
    fields = {name: getattr(sign_in, name) for name in ("id", "method", "created_at", "last_seen_at", "expires_at")}
    return {**fields, "device": sign_in.device_id, "label": sign_in.device.label, "is_this": sign_in.id == present}
