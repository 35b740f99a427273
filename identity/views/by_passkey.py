"""A new device by a synced passkey, and the hospital's rule about it."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, AnyonesRequest, IsRegistrar
from identity.fields import Base64UrlField, SignedSerializer
from identity.services import by_passkey
from identity.services.enrolment import Enrolment
from identity.views.enrolment import DeviceDraftSerializer
from identity.views.recovery import OpenedRecoverySerializer
from identity.views.sessions import SessionSerializer, answer_signed_in
from identity.views.strangers import StrangersView


class PasskeySerializer(serializers.Serializer):  # type: ignore[type-arg]
    credential = serializers.DictField(help_text="The assertion's toJSON(), without prf results.")


class OpenedByPasskeySerializer(OpenedRecoverySerializer):
    root = Base64UrlField(  # type: ignore[assignment]
        help_text="Believed only if ``pin`` is the person's own signature over it."
    )
    pin = Base64UrlField()
    grant = Base64UrlField(help_text="Good for one device, five minutes.")


class NewDeviceSerializer(serializers.Serializer):  # type: ignore[type-arg]
    credential_id = Base64UrlField(most=1024)
    device = DeviceDraftSerializer()
    statement = SignedSerializer(help_text="Kind device, signed by the user key.")
    signature = Base64UrlField(length=64, help_text='Device key over "wardline/1 by-passkey" || 0x00 || SHA-256(grant).')


class PasskeyRuleSerializer(serializers.Serializer):  # type: ignore[type-arg]
    is_enough = serializers.BooleanField(help_text="A synced passkey alone makes a new device.")


class OpenByPasskeyView(StrangersView):
    """``/passkeys/open``"""

    @extend_schema(request=PasskeySerializer, responses=OpenedByPasskeySerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """The copy of the seed that a synced passkey opens, where the hospital allows it. The challenge is of ``/session/options``."""
        opened = by_passkey.open_copy(session=request.session, credential=parsed(PasskeySerializer, request.data)["credential"])
        membership = opened.membership
        shown = {"person": membership.person_id, "hospital": membership.hospital, "wraps": opened.wraps, "keys": opened.keys}
        shown |= {"root": membership.hospital.root_public_key, "pin": opened.passkey.pin, "grant": opened.grant}
        return Response(OpenedByPasskeySerializer(shown).data)


class AddByPasskeyView(StrangersView):
    """``/passkeys/device``"""

    @extend_schema(request=NewDeviceSerializer, responses={201: SessionSerializer})
    def post(self, request: AnyonesRequest) -> Response:
        """Make this device one of the person whose passkey was used a moment ago."""
        given = parsed(NewDeviceSerializer, request.data)
        device = given["device"]
        enrolment = Enrolment({}, device["id"], device["label"], device["public_key"], given["statement"], [], {})
        proof = {"credential_id": given["credential_id"], "signature": given["signature"]}
        by_passkey.add_device(session=request.session, enrolment=enrolment, **proof)
        response = answer_signed_in(request)
        response.status_code = 201
        return response


class PasskeyRuleView(APIView):
    """``/hospital/passkey-rule``"""

    permission_classes = [IsRegistrar]

    @extend_schema(responses=PasskeyRuleSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Whether a synced passkey alone makes a new device here."""
        return Response({"is_enough": by_passkey.read_rule(actor=request.actor)})

    @extend_schema(request=PasskeyRuleSerializer, responses=PasskeyRuleSerializer)
    @idempotent
    def put(self, request: ActorRequest) -> Response:
        """Change it, from now on."""
        given = parsed(PasskeyRuleSerializer, request.data)
        return Response({"is_enough": by_passkey.change_rule(actor=request.actor, is_enough=given["is_enough"])})
