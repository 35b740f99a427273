"""The receipt of a promise over HTTP."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework.views import APIView

from beds import services
from beds.views import HttpRequest


class ReceiptView(APIView):
    @extend_schema(operation_id="receipt", responses={(200, "application/json"): OpenApiTypes.OBJECT})
    def get(self, request: HttpRequest, candidate_id: UUID) -> HttpResponse:
        """The signed offer and its signed acceptance with the chains of both devices (protocol 12); the same bytes for both hospitals."""
        receipt = services.read_receipt(actor=request.actor, candidate_id=candidate_id)
        name = f'attachment; filename="wardline-receipt-{candidate_id}.json"'
        return HttpResponse(receipt, content_type="application/json", headers={"Content-Disposition": name, "Cache-Control": "no-store"})
