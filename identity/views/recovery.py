"""A registrar's link, which the printed recovery code opens."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, AnyonesRequest, IsRegistrar
from identity.fields import Base64UrlField
from identity.services import recovery
from identity.views.enrolment import LinkSerializer, PlaceSerializer, TokenSerializer
from identity.views.sessions import GenerationSerializer
from identity.views.strangers import StrangersView


class NewRecoverySerializer(serializers.Serializer):  # type: ignore[type-arg]
    token = serializers.RegexField(r"^[A-Za-z0-9_-]{43}$", help_text="32 random bytes, made by the registrar's client.")


class RecoveryWrapSerializer(serializers.Serializer):  # type: ignore[type-arg]
    generation = serializers.IntegerField()
    wrap = Base64UrlField()
    share = Base64UrlField()


class OpenedRecoverySerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField()
    hospital = PlaceSerializer()
    wraps = RecoveryWrapSerializer(many=True)
    keys = GenerationSerializer(many=True)


class OfferRecoveryView(APIView):
    """``/members/<person>/recovery``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=NewRecoverySerializer, responses={201: LinkSerializer})
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """Offer a member without a device a way back in; the printed code is needed beside it."""
        link = recovery.offer(actor=request.actor, person_id=person, token=parsed(NewRecoverySerializer, request.data)["token"])
        return Response(LinkSerializer(link).data, status=201)


class OpenRecoveryView(StrangersView):
    """``/recoveries/open``"""

    @extend_schema(request=TokenSerializer, responses=OpenedRecoverySerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """What the printed code opens. Does not use the link up; audited each time."""
        membership, wraps, keys = recovery.open_link(parsed(TokenSerializer, request.data)["token"])
        shown = {"person": membership.person_id, "hospital": membership.hospital, "wraps": wraps, "keys": keys}
        return Response(OpenedRecoverySerializer(shown).data)
