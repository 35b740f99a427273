"""Many invitations at once, open ones, and who was not let in."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity import sheet
from identity.authentication import ActorRequest
from identity.fields import Base64UrlField
from identity.models import Invitation
from identity.services import inviting, refusing
from identity.views.enrolment import InviteeSerializer, OpenInvitationSerializer, idempotency_key
from identity.views.members import MembershipSerializer, RegistrarsView


class SheetSerializer(serializers.Serializer):  # type: ignore[type-arg]
    sheet = Base64UrlField(most=sheet.MAX_BYTES, help_text="The CSV file's bytes.")


class FindingSerializer(serializers.Serializer):  # type: ignore[type-arg]
    line = serializers.IntegerField()
    column = serializers.CharField(allow_blank=True)
    code = serializers.CharField()


class SheetRowSerializer(InviteeSerializer):
    line = serializers.IntegerField()


class CheckSerializer(serializers.Serializer):  # type: ignore[type-arg]
    rows = SheetRowSerializer(many=True)
    errors = FindingSerializer(many=True)  # type: ignore[assignment]
    warnings = FindingSerializer(many=True)


class MadeSerializer(SheetRowSerializer):
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class MadeListSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = MadeSerializer(many=True)


class RefusalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    reason = serializers.ChoiceField(refusing.REASONS)


class WithdrawInvitationView(RegistrarsView):
    """``/invitations/<person>/withdraw``"""

    @extend_schema(request=None, responses=OpenInvitationSerializer)
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """Make an open invitation's link useless."""
        return Response(OpenInvitationSerializer(inviting.withdraw(actor=request.actor, person_id=person)).data)


class CheckSheetView(RegistrarsView):
    """``/invitations/check``"""

    @extend_schema(request=SheetSerializer, responses=CheckSerializer)
    def post(self, request: ActorRequest) -> Response:
        """What is wrong with a table, line by line. Invites nobody."""
        found = inviting.check(actor=request.actor, content=parsed(SheetSerializer, request.data)["sheet"])
        rows = [{"line": row.line, **vars(row.who)} for row in found.rows]
        return Response(CheckSerializer({"rows": rows, "errors": found.errors, "warnings": found.warnings}).data)


class BulkView(RegistrarsView):
    """``/invitations/bulk``"""

    @extend_schema(request=SheetSerializer, responses={201: MadeListSerializer})
    def post(self, request: ActorRequest) -> Response:
        """Invite everybody in a table, or nobody. The same Idempotency-Key gives the same tokens, stored nowhere: no ``@idempotent``."""
        content = parsed(SheetSerializer, request.data)["sheet"]
        made = inviting.invite_all(actor=request.actor, key=idempotency_key(request), content=content)
        rows = [{"line": one.line, "token": one.token, **_shown(one.invitation)} for one in made]
        return Response(MadeListSerializer({"results": rows}).data, status=201)


class RejectView(RegistrarsView):
    """``/members/<person>/reject``"""

    @extend_schema(request=RefusalSerializer, responses=MembershipSerializer)
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """Do not let somebody in who joined and waits."""
        given = parsed(RefusalSerializer, request.data)
        return Response(MembershipSerializer(refusing.reject(actor=request.actor, person_id=person, reason=given["reason"])).data)


def _shown(invitation: Invitation) -> dict[str, Any]:
    return OpenInvitationSerializer(invitation).data
