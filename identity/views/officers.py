"""The hospital's recovery officers: proposed by one registrar, confirmed by a second person with the root."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, IsLogReader
from identity.fields import Base64UrlField, SignedSerializer
from identity.services import officers
from identity.views.members import RegistrarsView


class OfficersProposalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    officers = serializers.ListField(child=serializers.UUIDField(), help_text="Nobody: the hospital's recovery is to end.")
    proposed_by = serializers.UUIDField(source="proposed_by_id")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class OfficersSerializer(serializers.Serializer):  # type: ignore[type-arg]
    officers = serializers.ListField(child=serializers.UUIDField(), source="people")
    away = serializers.ListField(child=serializers.UUIDField(), help_text="Have left, or have another key than the one that was named.")
    proposals = OfficersProposalSerializer(many=True)


class OfficerDraftSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField()
    kid = Base64UrlField(length=16, help_text="Of the person's X-Wing key.")


class NewOfficersSerializer(serializers.Serializer):  # type: ignore[type-arg]
    officers = serializers.ListField(child=OfficerDraftSerializer(), max_length=3, help_text="Three, or nobody.")


class OfficersStatementSerializer(serializers.Serializer):  # type: ignore[type-arg]
    statement = SignedSerializer(help_text="Kind recovery, signed by the hospital's root.")


class OfficersView(APIView):
    """``/officers``"""

    @extend_schema(responses=OfficersSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Who could give a member's key back; for registrars and auditors also who is proposed."""
        return Response(OfficersSerializer(officers.read(actor=request.actor)).data)


class OfficersProposalsView(RegistrarsView):
    """``/officers/proposals``"""

    @extend_schema(request=NewOfficersSerializer, responses={201: OfficersProposalSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Propose three active members, or nobody; good for three days."""
        given = parsed(NewOfficersSerializer, request.data)["officers"]
        proposal = officers.propose(actor=request.actor, officers=[(each["person"], each["kid"]) for each in given])
        return Response(OfficersProposalSerializer(proposal).data, status=201)


class ConfirmOfficersView(APIView):
    """``/officers/proposals/<proposal>/confirm``"""

    permission_classes = [IsLogReader]

    @extend_schema(request=OfficersStatementSerializer, responses=OfficersProposalSerializer)
    @idempotent
    def post(self, request: ActorRequest, proposal: UUID) -> Response:
        """The second person, who is no officer: another registrar or an auditor, with the statement signed by the root."""
        signed = parsed(OfficersStatementSerializer, request.data)["statement"]
        return Response(OfficersProposalSerializer(officers.confirm(actor=request.actor, proposal_id=proposal, signed=signed)).data)


class WithdrawOfficersView(RegistrarsView):
    """``/officers/proposals/<proposal>/withdraw``"""

    @extend_schema(request=None, responses=OfficersProposalSerializer)
    @idempotent
    def post(self, request: ActorRequest, proposal: UUID) -> Response:
        """Any registrar may say no."""
        return Response(OfficersProposalSerializer(officers.withdraw(actor=request.actor, proposal_id=proposal)).data)
