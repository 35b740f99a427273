"""A hospital's request templates over HTTP (docs/api-contract.md, Beds)."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from backend.versions import IF_MATCH, version_seen
from beds import services
from beds.models import RequestTemplate
from beds.views.http import IDEMPOTENCY_KEY, HttpRequest
from beds.vocabulary import AgeBand, Capability, Category, TransportMode, Urgency
from identity.vocabulary import Speciality


class TemplateIn(serializers.Serializer):
    speciality = serializers.ChoiceField(Speciality.choices)
    category = serializers.ChoiceField(Category.choices)
    capabilities = serializers.ListField(child=serializers.ChoiceField(Capability.choices), max_length=len(Capability))
    urgency = serializers.ChoiceField(Urgency.choices)
    age_band = serializers.ChoiceField(AgeBand.choices, required=False, allow_blank=True)
    transport_mode = serializers.ChoiceField(TransportMode.choices, required=False, allow_blank=True)


class TemplateOut(serializers.ModelSerializer):
    class Meta:
        model = RequestTemplate
        fields = ("id", "speciality", "category", "capabilities", "urgency", "age_band", "transport_mode", "version")


class TemplateList(serializers.Serializer):
    results = TemplateOut(many=True)


class TemplateDeleted(serializers.Serializer):
    id = serializers.UUIDField()


class TemplatesView(APIView):
    @extend_schema(operation_id="request_templates", responses=TemplateList)
    def get(self, request: HttpRequest) -> Response:
        """What the own hospital usually asks for, in the order of the specialities."""
        return Response(TemplateList({"results": services.read_templates(actor=request.actor)}).data)


class TemplateView(APIView):
    @extend_schema(operation_id="save_request_template", parameters=[IDEMPOTENCY_KEY, IF_MATCH], request=TemplateIn, responses=TemplateOut)
    @idempotent
    def put(self, request: HttpRequest, template_id: UUID) -> Response:
        """Write a template of the own hospital; `If-Match: 0` makes it. A registrar, or whoever holds a duty role there."""
        template = services.Template(**parsed(TemplateIn, request.data))
        saved = services.save_template(
            actor=request.actor, template_id=template_id, version=version_seen(request, "template"), template=template
        )
        return Response(TemplateOut(saved).data)

    @extend_schema(operation_id="delete_request_template", parameters=[IDEMPOTENCY_KEY, IF_MATCH], responses={200: TemplateDeleted})
    @idempotent
    def delete(self, request: HttpRequest, template_id: UUID) -> Response:
        """Delete a template of the own hospital."""
        services.delete_template(actor=request.actor, template_id=template_id, version=version_seen(request, "template"))
        return Response(TemplateDeleted({"id": template_id}).data)
