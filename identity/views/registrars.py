"""Who signs for the hospital: proposed by one registrar, confirmed by a second person, ended by the root."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, IsLogReader
from identity.fields import Base64UrlField, SignedSerializer
from identity.services import registrars
from identity.views.members import RegistrarsView


class HolderSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField(source="membership.person_id")
    name = serializers.CharField(source="membership.person.name")
    title = serializers.CharField(source="membership.person.title")
    is_active = serializers.BooleanField(help_text="False: has left; the root has yet to sign that the office has ended.")


class ProposalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    candidate = serializers.UUIDField(source="candidate_id")
    sign = Base64UrlField(source="sign_public_key")
    proposed_by = serializers.UUIDField(source="proposed_by_id")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    operator_agreed_at = serializers.DateTimeField(allow_null=True)


class RegistrarsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    registrars = HolderSerializer(many=True, source="holders")
    proposals = ProposalSerializer(many=True)


class NewProposalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField()
    sign = Base64UrlField(length=32, help_text="The candidate's Ed25519 key, whose fingerprint was compared.")


class OfficeStatementSerializer(serializers.Serializer):  # type: ignore[type-arg]
    statement = SignedSerializer(help_text="Kind registrar, signed by the hospital's root.")


class OfficeEndSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField(source="person_id")


class RegistrarsListView(APIView):
    """``/registrars``"""

    permission_classes = [IsLogReader]

    @extend_schema(responses=RegistrarsSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Who signs for the hospital, and who is proposed. For registrars and auditors."""
        return Response(RegistrarsSerializer(registrars.read(actor=request.actor)).data)


class ProposalsView(RegistrarsView):
    """``/registrars/proposals``"""

    @extend_schema(request=NewProposalSerializer, responses={201: ProposalSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Propose an active member as a registrar; good for three days."""
        given = parsed(NewProposalSerializer, request.data)
        proposal = registrars.propose(actor=request.actor, person_id=given["person"], sign=given["sign"])
        return Response(ProposalSerializer(proposal).data, status=201)


class ConfirmProposalView(APIView):
    """``/registrars/proposals/<proposal>/confirm``"""

    permission_classes = [IsLogReader]

    @extend_schema(request=OfficeStatementSerializer, responses=ProposalSerializer)
    @idempotent
    def post(self, request: ActorRequest, proposal: UUID) -> Response:
        """The second person: another registrar, or an auditor; with the statement signed by the hospital's root."""
        signed = parsed(OfficeStatementSerializer, request.data)["statement"]
        return Response(ProposalSerializer(registrars.confirm(actor=request.actor, proposal_id=proposal, signed=signed)).data)


class WithdrawProposalView(RegistrarsView):
    """``/registrars/proposals/<proposal>/withdraw``"""

    @extend_schema(request=None, responses=ProposalSerializer)
    @idempotent
    def post(self, request: ActorRequest, proposal: UUID) -> Response:
        """Any registrar may say no."""
        return Response(ProposalSerializer(registrars.withdraw(actor=request.actor, proposal_id=proposal)).data)


class EndRegistrarView(RegistrarsView):
    """``/registrars/<person>/end``"""

    @extend_schema(request=OfficeStatementSerializer, responses=OfficeEndSerializer)
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """End an office, with the statement signed by the hospital's root; one registrar always stays."""
        signed = parsed(OfficeStatementSerializer, request.data)["statement"]
        return Response(OfficeEndSerializer(registrars.end(actor=request.actor, person_id=person, signed=signed)).data)
