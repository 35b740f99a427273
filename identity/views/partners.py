"""Which hospitals accept each other."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest
from identity.fields import Base64UrlField, SignedSerializer
from identity.services import partners
from identity.views.members import RegistrarsView


class NeighbourSerializer(serializers.Serializer):  # type: ignore[type-arg]
    hospital = serializers.UUIDField(source="hospital.pk")
    name = serializers.CharField(source="hospital.name")
    city = serializers.CharField(source="hospital.city")
    root = Base64UrlField(source="hospital.root_public_key")  # type: ignore[assignment]
    accepted_at = serializers.DateTimeField(allow_null=True)
    accepts_us_since = serializers.DateTimeField(allow_null=True)


class NeighboursSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = NeighbourSerializer(many=True)


class PartnerSerializer(serializers.Serializer):  # type: ignore[type-arg]
    hospital = serializers.UUIDField()
    statement = SignedSerializer(help_text="Kind partner, signed by the registrar's user key.")


class PartnerEndSerializer(serializers.Serializer):  # type: ignore[type-arg]
    statement = SignedSerializer(help_text="Kind partner without a root, signed by the registrar's user key.")


class AcceptedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    hospital = serializers.UUIDField(source="partner_id")


class PartnersView(RegistrarsView):
    """``/partners``"""

    @extend_schema(responses=NeighboursSerializer)
    def get(self, request: ActorRequest) -> Response:
        """The other hospitals of this service: whom we accept and who accepts us. Compare the root's fingerprint by telephone."""
        return Response(NeighboursSerializer({"results": partners.read(actor=request.actor)}).data)

    @extend_schema(request=PartnerSerializer, responses={201: AcceptedSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Accept another hospital; it takes effect once that hospital has accepted this one."""
        given = parsed(PartnerSerializer, request.data)
        partnership = partners.accept(actor=request.actor, signed=given["statement"], partner_id=given["hospital"])
        return Response(AcceptedSerializer(partnership).data, status=201)


class EndPartnerView(RegistrarsView):
    """``/partners/<hospital>/end``"""

    @extend_schema(request=PartnerEndSerializer, responses=AcceptedSerializer)
    @idempotent
    def post(self, request: ActorRequest, hospital: UUID) -> Response:
        """Accept it no longer: access is cut both ways at once. What was promised may be finished."""
        given = parsed(PartnerEndSerializer, request.data)
        return Response(AcceptedSerializer(partners.end(actor=request.actor, signed=given["statement"], partner_id=hospital)).data)
