"""The next generation of a person's own key: made by the person's device, vouched for by a registrar."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, IsRegistrar
from identity.fields import Base64UrlField, SignedSerializer
from identity.models import KeyRenewal
from identity.services import renewal
from identity.services.renewal import Draft, State
from identity.views.enrolment import WrapDraftSerializer

MOST_DEVICES = 64


class KeyStandingSerializer(serializers.Serializer):  # type: ignore[type-arg]
    generation = serializers.IntegerField()
    due_since = serializers.DateTimeField(
        allow_null=True, help_text="When a device was lost under the present key; null: nothing to renew for."
    )
    state = serializers.ChoiceField(choices=[state.value for state in State])
    device = serializers.UUIDField(allow_null=True, help_text="Which device made what waits.")


class RenewalWrapSerializer(WrapDraftSerializer):
    credential_id = Base64UrlField(most=1024, required=False, allow_null=True, default=None)


class RenewalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    generation = serializers.IntegerField(min_value=2)
    kem = Base64UrlField(length=1216)
    sign = Base64UrlField(length=32)
    history = Base64UrlField(length=48)
    device = SignedSerializer(help_text="Kind device: this one, by the next key.")
    ends = serializers.ListField(
        child=SignedSerializer(), max_length=MOST_DEVICES, help_text="Kind device-revoked, reason replaced: each other device."
    )
    wraps = serializers.ListField(child=RenewalWrapSerializer(), max_length=MOST_DEVICES)


class RenewalKeysSerializer(serializers.Serializer):  # type: ignore[type-arg]
    kem = Base64UrlField()
    sign = Base64UrlField()


class OfferedRenewalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField()
    generation = serializers.IntegerField()
    keys = RenewalKeysSerializer()
    profile = Base64UrlField()
    offered_at = serializers.DateTimeField()


class OfferedRenewalsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = OfferedRenewalSerializer(many=True)


class RenewalApprovalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    statement = SignedSerializer(help_text="Kind member, the next generation, signed by the registrar's user key.")


class RenewedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField(source="principal")
    generation = serializers.IntegerField()


class RenewalView(APIView):
    """``/renewal``"""

    @extend_schema(responses=KeyStandingSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Whether the own key should be renewed, and how far that is."""
        return Response(KeyStandingSerializer(renewal.read_own(actor=request.actor)).data)

    @extend_schema(request=RenewalSerializer, responses={201: OfferedRenewalSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Offer the next generation of the own key. Nothing changes until a registrar has signed it."""
        request.actor.require_human()  # before the body is looked at, so that the refusal is in the log whatever it holds
        made = renewal.offer(actor=request.actor, draft=Draft(**parsed(RenewalSerializer, request.data)))
        return Response(OfferedRenewalSerializer(_offered(made)).data, status=201)


class OfferedRenewalsView(APIView):
    """``/members/renewals``"""

    permission_classes = [IsRegistrar]

    @extend_schema(responses=OfferedRenewalsSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Members' next keys that wait. Compare the fingerprint with the person before signing."""
        found = renewal.read_offered(actor=request.actor)
        return Response(OfferedRenewalsSerializer({"results": [_offered(one) for one in found]}).data)


class ApproveRenewalView(APIView):
    """``/members/<person>/renew``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=RenewalApprovalSerializer, responses=RenewedSerializer)
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """Vouch for a member's next keys: they take effect, whole."""
        given = parsed(RenewalApprovalSerializer, request.data)
        return Response(RenewedSerializer(renewal.approve(actor=request.actor, person_id=person, signed=given["statement"])).data)


def _offered(made: KeyRenewal) -> dict[str, Any]:
    return {
        "person": made.person_id,
        "generation": made.generation,
        "keys": {"kem": made.kem_public_key, "sign": made.sign_public_key},
        "profile": made.person.profile,
        "offered_at": made.created_at,
    }
