"""A key given back by two officers: what registrar, new device, officers and the person themselves ask."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, AnyonesRequest, IsRegistrar
from identity.fields import Base64UrlField, SignedSerializer
from identity.services import restoration as attempts
from identity.services.restoration import Waited
from identity.views.enrolment import PlaceSerializer, TokenSerializer
from identity.views.recovery import NewRecoverySerializer
from identity.views.sessions import GenerationSerializer
from identity.views.strangers import StrangersView


class StartedRestorationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    expires_at = serializers.DateTimeField()


class LookedRestorationSerializer(StartedRestorationSerializer):
    person = serializers.UUIDField()
    hospital = PlaceSerializer()


class AskSerializer(TokenSerializer):
    header = Base64UrlField(most=4096)


class WaitForOfficersSerializer(TokenSerializer):
    device = serializers.UUIDField()


class HandedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    place = serializers.IntegerField()
    sealed = Base64UrlField()


class WaitedForOfficersSerializer(serializers.Serializer):  # type: ignore[type-arg]
    approvals = serializers.IntegerField(help_text="How many officers have agreed. After two, everything below is there.")
    handed = HandedSerializer(many=True)
    deposit = Base64UrlField(allow_null=True)
    keys = GenerationSerializer(many=True)
    statements = SignedSerializer(many=True)


class HeldSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField(source="restoration.id")
    person = serializers.UUIDField(source="restoration.person_id")
    started_by = serializers.UUIDField(source="restoration.started_by_id")
    started_at = serializers.DateTimeField(source="restoration.created_at")
    expires_at = serializers.DateTimeField(source="restoration.expires_at")
    ask = Base64UrlField(source="restoration.ask", allow_null=True, help_text="What the new device asks; its fingerprint is compared.")
    approved_by = serializers.ListField(child=serializers.UUIDField())
    deposit = Base64UrlField(source="header", allow_null=True, help_text="Officers only.")
    sealed = Base64UrlField(allow_null=True, help_text="Officers only: the share sealed to this one.")


class RestorationsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = HeldSerializer(many=True)


class OfficersApprovalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    sealed = Base64UrlField(most=1232, help_text="The share, sealed to the new device.")
    signature = Base64UrlField(length=64, help_text="By the officer's device, over what it hands on.")


class StartRestorationView(APIView):
    """``/members/<person>/restoration``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=NewRecoverySerializer, responses={201: StartedRestorationSerializer})
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """Begin to get the key of a member back who has neither a device nor the printed code."""
        made = attempts.start(actor=request.actor, person_id=person, token=parsed(NewRecoverySerializer, request.data)["token"])
        return Response(StartedRestorationSerializer(made).data, status=201)


class LookRestorationView(StrangersView):
    """``/restorations/look``"""

    @extend_schema(request=TokenSerializer, responses=LookedRestorationSerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """Whose key a link is about."""
        found, membership = attempts.look(parsed(TokenSerializer, request.data)["token"])
        shown = {"id": found.id, "expires_at": found.expires_at, "person": membership.person_id, "hospital": membership.hospital}
        return Response(LookedRestorationSerializer(shown).data)


class AskRestorationView(StrangersView):
    """``/restorations/ask``"""

    @extend_schema(request=AskSerializer, responses={201: WaitedForOfficersSerializer})
    def post(self, request: AnyonesRequest) -> Response:
        """Answer a link, as the first device and the only one. The same answer may be sent again."""
        attempts.ask(**parsed(AskSerializer, request.data))
        return Response(WaitedForOfficersSerializer(Waited(0, [], None, [], [])).data, status=201)


class WaitRestorationView(StrangersView):
    """``/restorations/wait``"""

    @extend_schema(request=WaitForOfficersSerializer, responses=WaitedForOfficersSerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """What the officers have said so far."""
        given = parsed(WaitForOfficersSerializer, request.data)
        waited = attempts.wait(token=given["token"], device_id=given["device"])
        stated = [{"h": bytes(row.header), "s": bytes(row.signature)} for row in waited.statements]
        return Response(WaitedForOfficersSerializer({**waited._asdict(), "statements": stated}).data)


class RestorationsView(APIView):
    """``/restorations``"""

    @extend_schema(responses=RestorationsSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Attempts under way: the hospital's for officers and registrars, for everybody the one about themselves."""
        return Response(RestorationsSerializer({"results": attempts.read(actor=request.actor)}).data)


class ApproveRestorationView(APIView):
    """``/restorations/<restoration>/approve``"""

    @extend_schema(request=OfficersApprovalSerializer, responses=StartedRestorationSerializer)
    @idempotent
    def post(self, request: ActorRequest, restoration: UUID) -> Response:
        """An officer hands her share on, after comparing the fingerprint with the person."""
        found = attempts.approve(actor=request.actor, restoration_id=restoration, **parsed(OfficersApprovalSerializer, request.data))
        return Response(StartedRestorationSerializer(found).data)


class EndRestorationView(APIView):
    """``/restorations/<restoration>/end``"""

    @extend_schema(request=None, responses=StartedRestorationSerializer)
    @idempotent
    def post(self, request: ActorRequest, restoration: UUID) -> Response:
        """An officer or the person refuses, a registrar cancels."""
        return Response(StartedRestorationSerializer(attempts.end(actor=request.actor, restoration_id=restoration)).data)
