"""A new device compared on the old one: what each side asks in between. Tokens travel in bodies, never in URLs."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, AnyonesRequest
from identity.fields import Base64UrlField
from identity.models import LinkClaim
from identity.services import linking
from identity.views.enrolment import DeviceDraftSerializer, TokenSerializer
from identity.views.strangers import StrangersView


class NewClaimSerializer(TokenSerializer):
    device = DeviceDraftSerializer()
    kem = Base64UrlField(length=1216, help_text="An X-Wing key made for this link alone.")


class WaitingSerializer(TokenSerializer):
    device = serializers.UUIDField()


class WaitedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    opening = Base64UrlField(allow_null=True, help_text="Null until the old device has seen the claim.")
    sealed = Base64UrlField(allow_null=True, help_text="Null until the old device has approved.")
    person = serializers.UUIDField(allow_null=True)


class ClaimSerializer(serializers.Serializer):  # type: ignore[type-arg]
    device = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]
    public_key = Base64UrlField()
    kem = Base64UrlField()
    is_approved = serializers.BooleanField()


class ReadClaimSerializer(serializers.Serializer):  # type: ignore[type-arg]
    claim = ClaimSerializer(allow_null=True)


class OpeningSerializer(TokenSerializer):
    opening = Base64UrlField(length=32)


class DecisionSerializer(TokenSerializer):
    sealed = Base64UrlField(most=2200, allow_null=True, help_text="The payload for this device; null refuses it.")


class ClaimLinkView(StrangersView):
    """``/device-links/claim``"""

    @extend_schema(request=NewClaimSerializer, responses={201: WaitedSerializer})
    def post(self, request: AnyonesRequest) -> Response:
        """Answer a link, as the first device and the only one. The same answer may be sent again."""
        given = parsed(NewClaimSerializer, request.data)
        device = given["device"]
        keys = {"public_key": device["public_key"], "kem": given["kem"]}
        claim = linking.claim(token=given["token"], device_id=device["id"], label=device["label"], **keys)
        return Response(_waited(claim), status=201)


class WaitForLinkView(StrangersView):
    """``/device-links/wait``"""

    @extend_schema(request=WaitingSerializer, responses=WaitedSerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """What the old device has said so far."""
        given = parsed(WaitingSerializer, request.data)
        return Response(_waited(linking.wait(token=given["token"], device_id=given["device"])))


class ReadClaimView(APIView):
    """``/device-links/claimed``"""

    @extend_schema(request=TokenSerializer, responses=ReadClaimSerializer)
    def post(self, request: ActorRequest) -> Response:
        """Which device has answered a link of this device."""
        claim = linking.read_claim(actor=request.actor, token=parsed(TokenSerializer, request.data)["token"])
        return Response({"claim": claim and _claim(claim)})


class OpenLinkView(APIView):
    """``/device-links/open``"""

    @extend_schema(request=OpeningSerializer, responses=ClaimSerializer)
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Hand out what the link committed to, for the device that has answered."""
        return Response(_claim(linking.hand_out(actor=request.actor, **parsed(OpeningSerializer, request.data))))


class DecideLinkView(APIView):
    """``/device-links/decide``"""

    @extend_schema(request=DecisionSerializer, responses=ClaimSerializer)
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """The digits were equal, or they were not."""
        return Response(_claim(linking.decide(actor=request.actor, **parsed(DecisionSerializer, request.data))))


def _waited(claim: LinkClaim) -> dict[str, Any]:
    person = claim.link.person_id if claim.sealed is not None else None
    return dict(WaitedSerializer({"opening": claim.opening, "sealed": claim.sealed, "person": person}).data)


def _claim(claim: LinkClaim) -> dict[str, Any]:
    shown = {"device": claim.device_id, "label": claim.label, "public_key": claim.public_key, "kem": claim.kem_public_key}
    return dict(ClaimSerializer({**shown, "is_approved": claim.approved_at is not None}).data)
