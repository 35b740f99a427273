"""Exports over HTTP: ask (202), look, fetch with ``Range``, delete."""

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.api import exports
from audit.api.asking import FilterSerializer, wanted_of
from audit.exports import files
from audit.exports.formats import format_of
from audit.models import Export
from backend.idempotency import idempotent
from backend.negotiation import AnyAccept
from backend.parsing import parsed
from backend.streaming import NEVER, streamed
from identity.authentication import ActorRequest, IsLogReader

AGAIN_AFTER = "2"  # seconds: the worker's step


class NewExportSerializer(serializers.Serializer[object]):
    format = serializers.ChoiceField(Export.Format.choices)
    filter = FilterSerializer(required=False)
    cut = serializers.IntegerField(
        required=False, min_value=0, help_text="The size of a checkpoint you hold: a filtered bundle can be checked against it."
    )


class ProgressSerializer(serializers.Serializer[object]):
    done = serializers.IntegerField(help_text="Leaves gone through.")
    total = serializers.IntegerField(allow_null=True, help_text="Leaves to go through; null before it has begun.")
    events = serializers.IntegerField(help_text="Events in the file so far.")
    bytes = serializers.IntegerField()


class ExportSerializer(serializers.Serializer[object]):
    id = serializers.UUIDField()
    format = serializers.ChoiceField(Export.Format.choices)
    state = serializers.ChoiceField(Export.State.choices)
    wanted = serializers.DictField(help_text="The filter in the log's own words; empty: everything.")
    size = serializers.IntegerField(help_text="Leaves of the checkpoint it reaches up to.")
    is_mine = serializers.BooleanField()
    progress = ProgressSerializer()
    sha256 = serializers.CharField(allow_null=True, help_text="Of the file, in hex, once it is ready.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    status_url = serializers.CharField()
    content_url = serializers.CharField(allow_null=True)


class ExportListSerializer(serializers.Serializer[object]):
    results = ExportSerializer(many=True)


class LogReadersView(APIView):
    permission_classes = [IsLogReader]


class ExportsView(LogReadersView):
    """``/audit/exports``"""

    @extend_schema(operation_id="audit_exports", responses=ExportListSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Exports that are there: an auditor sees the hospital's, a registrar the own ones."""
        found = exports.read_exports(actor=request.actor)
        return Response(ExportListSerializer({"results": [shown(request, export) for export in found]}).data)

    @extend_schema(operation_id="ask_audit_export", request=NewExportSerializer, responses={202: ExportSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Have an export of the own hospital's log made, up to its newest checkpoint."""
        given = parsed(NewExportSerializer, request.data)
        wanted = wanted_of(request.actor, given.get("filter", {}))
        made = exports.ask(actor=request.actor, format=given["format"], wanted=wanted, cut=given.get("cut"))
        body = shown(request, made)
        return Response(
            ExportSerializer(body).data, status=202, headers={"Content-Location": body["status_url"], "Retry-After": AGAIN_AFTER}
        )


class ExportView(LogReadersView):
    """``/audit/exports/<export>``"""

    @extend_schema(operation_id="audit_export_status", responses=ExportSerializer)
    def get(self, request: ActorRequest, export: UUID) -> Response:
        """How far an export is."""
        found = exports.read_export(actor=request.actor, export_id=export)
        headers = {"Retry-After": AGAIN_AFTER} if found.state in Export.UNDONE else {}
        return Response(ExportSerializer(shown(request, found)).data, headers=headers)

    @extend_schema(operation_id="delete_audit_export", request=None, responses={204: None})
    def delete(self, request: ActorRequest, export: UUID) -> Response:
        """Delete it with its file at once."""
        exports.delete(actor=request.actor, export_id=export)
        return Response(status=204)


class ExportContentView(LogReadersView):
    """``/audit/exports/<export>/content``"""

    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="audit_export_content",
        parameters=[
            OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="One range of bytes, to go on after a break."),
            OpenApiParameter("If-Range", str, OpenApiParameter.HEADER, description="The ETag of the first answer."),
        ],
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The file; 206 with a part of it.")},
    )
    def get(self, request: ActorRequest, export: UUID) -> HttpResponseBase:
        """The file, or a range of it. Every fetching is an event, before the first byte leaves."""
        asked = request.headers.get("Range") if request.method == "GET" else None
        found, stretch = exports.fetch(actor=request.actor, export_id=export, asked_range=asked, if_range=request.headers.get("If-Range"))
        written = format_of(found)
        headers = {
            "Accept-Ranges": "bytes",
            "ETag": exports.etag_of(found),
            "Cache-Control": NEVER,
            "Content-Length": str(stretch.end - stretch.start),
        }
        headers["Content-Disposition"] = f'attachment; filename="audit-{found.log}-{found.size}.{written.suffix}"'
        if stretch.is_part:
            headers["Content-Range"] = f"bytes {stretch.start}-{stretch.end - 1}/{stretch.size}"
        pieces = files.pieces(found.pk, stretch.start, stretch.end)
        return streamed(request, pieces, status=206 if stretch.is_part else 200, content_type=written.content_type, headers=headers)


def shown(request: ActorRequest, export: Export) -> dict[str, Any]:
    address = f"/api/v1/audit/exports/{export.pk}"
    has_begun, is_ready = export.state != Export.State.WAITING, export.state == Export.State.READY
    progress = {"done": export.next_place - export.start, "total": export.end - export.start if has_begun else None}
    return {
        **{name: getattr(export, name) for name in ("id", "format", "state", "wanted", "size", "created_at", "finished_at", "expires_at")},
        "is_mine": export.asked_by == request.actor.person_id,
        "progress": progress | {"events": export.events, "bytes": export.bytes},
        "sha256": bytes(export.sha256).hex() if export.sha256 else None,
        "status_url": address,
        "content_url": f"{address}/content" if is_ready else None,
    }
