"""Auditors: appointed and ended by registrars."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest
from identity.models import AuditorTerm
from identity.services import auditors
from identity.views.members import RegistrarsView

# What a registrar may give as a reason; the others are the service's own.
ENDS = [AuditorTerm.EndReason.LEFT_OFFICE, AuditorTerm.EndReason.DONE, AuditorTerm.EndReason.MISTAKE]


class NewTermSerializer(serializers.Serializer):  # type: ignore[type-arg]
    reason = serializers.ChoiceField(AuditorTerm.Reason.choices)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)


class EndTermSerializer(serializers.Serializer):  # type: ignore[type-arg]
    reason = serializers.ChoiceField([reason.value for reason in ENDS])


class TermSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField(source="membership.person_id")
    reason = serializers.CharField()
    started_at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    end_reason = serializers.CharField()


class AppointView(RegistrarsView):
    """``/members/<person>/auditor``"""

    @extend_schema(request=NewTermSerializer, responses={201: TermSerializer})
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """Let a member read the hospital's audit log, for a reason and, where given, until a day."""
        given = parsed(NewTermSerializer, request.data)
        return Response(TermSerializer(auditors.appoint(actor=request.actor, person_id=person, **given)).data, status=201)


class EndTermView(RegistrarsView):
    """``/members/<person>/auditor/end``"""

    @extend_schema(request=EndTermSerializer, responses=TermSerializer)
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """End a member's term as an auditor at once."""
        given = parsed(EndTermSerializer, request.data)
        return Response(TermSerializer(auditors.end(actor=request.actor, person_id=person, reason=given["reason"])).data)
