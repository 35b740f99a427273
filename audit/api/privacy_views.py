"""Erasure over HTTP."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.api.erasure import erase
from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, IsRegistrar


class ErasureSerializer(serializers.Serializer[object]):
    person = serializers.UUIDField(help_text="Somebody who was a member and is none any more, here or elsewhere.")


class ErasedSerializer(serializers.Serializer[object]):
    values = serializers.IntegerField(help_text="Versions of the personal values that nobody can open any more.")
    logs = serializers.IntegerField(help_text="Logs in which the erasure is an event.")


class ErasuresView(APIView):
    """``/audit/erasures``"""

    permission_classes = [IsRegistrar]

    @extend_schema(operation_id="erase_personal_values", request=ErasureSerializer, responses={201: ErasedSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Delete what the audit logs know of a former member beside pseudonyms. The logs still verify, and say *erased*."""
        given = parsed(ErasureSerializer, request.data)
        return Response(ErasedSerializer(erase(actor=request.actor, person_id=given["person"])).data, status=201)
