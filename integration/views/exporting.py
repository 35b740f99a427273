"""The hospital's log taken out in bulk (FHIR Bulk Data Access, https://hl7.org/fhir/uv/bulkdata/): ask, look, fetch, delete.

Invariant: the file is one of the exports of ``audit.exports``; every fetching is an event before the first byte leaves.
"""

from typing import Any, Final
from uuid import UUID

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from audit.exports import files
from audit.models import Export
from backend.errors import Gone, Invalid
from backend.negotiation import AnyAccept
from backend.streaming import NEVER, streamed
from integration.resources import base
from integration.services import log
from integration.views.door import ClientRequest, FhirView

NDJSON: Final = "application/fhir+ndjson"
FORMATS: Final = frozenset({NDJSON, "application/ndjson", "ndjson"})
AGAIN_AFTER: Final = "2"  # seconds: the worker's step


@extend_schema(exclude=True)
class KickOffView(FhirView):
    """``/fhir/$export``"""

    def get(self, request: ClientRequest) -> Response:
        given = request.query_params
        if not given.keys() <= {"_type", "_since", "_outputFormat"}:
            raise Invalid("fhir.unknown_parameter", "$export takes _type, _since and _outputFormat.")
        if given.get("_type", log.KIND) != log.KIND:
            raise Invalid("fhir.bad_value", f"What there is to export is {log.KIND}.")
        if given.get("_outputFormat", NDJSON).replace(" ", "+") not in FORMATS:
            raise Invalid("fhir.bad_value", f"_outputFormat is {NDJSON}.")
        if "respond-async" not in request.META.get("HTTP_PREFER", ""):
            raise Invalid("fhir.async_only", "An export is made in the background: send Prefer: respond-async.")
        export = log.ask_export(actor=request.actor, since=_since(given.get("_since")))
        return Response(status=202, headers={"Content-Location": _address(export), "Retry-After": AGAIN_AFTER})


def _since(text: str | None) -> Any:
    if text is None:
        return None
    try:
        at = parse_datetime(text.replace(" ", "+"))  # a plus sign in an address is a space
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or at > timezone.now():
        raise Invalid("fhir.bad_value", "_since is a time that has passed, with its zone.")
    return at


@extend_schema(exclude=True)
class ExportView(FhirView):
    """``/fhir/$export/<export>``"""

    def get(self, request: ClientRequest, export: UUID) -> Response:
        found = log.read_export(actor=request.actor, export_id=export)
        if found.state in Export.UNDONE:
            progress = f"{found.next_place - found.start} of {found.end - found.start}" if found.end else found.state
            return Response(status=202, headers={"X-Progress": progress, "Retry-After": AGAIN_AFTER})
        if found.state != Export.State.READY:
            raise Gone("export.gone", "The export was deleted, has expired or could not be made. Ask for a new one.")
        output = {"type": log.KIND, "url": f"{_address(found)}/{log.KIND}.ndjson", "count": found.events}
        since = f"&_since={found.wanted['since']}" if "since" in found.wanted else ""
        return Response(
            {
                "transactionTime": found.created_at.isoformat(timespec="milliseconds"),
                "request": f"{base()}/$export?_type={log.KIND}{since}",
                "requiresAccessToken": True,
                "output": [output],
                "error": [],
            },
            headers={"Expires": found.expires_at.strftime("%a, %d %b %Y %H:%M:%S GMT") if found.expires_at else ""},
            content_type="application/json",
        )

    def delete(self, request: ClientRequest, export: UUID) -> Response:
        log.delete_export(actor=request.actor, export_id=export)
        return Response(status=202)


@extend_schema(exclude=True)
class ExportFileView(FhirView):
    """``/fhir/$export/<export>/AuditEvent.ndjson``"""

    content_negotiation_class = AnyAccept

    def get(self, request: ClientRequest, export: UUID) -> HttpResponseBase:
        found = log.fetch_export(actor=request.actor, export_id=export)
        headers = {"Cache-Control": NEVER, "Content-Length": str(found.bytes)}
        return streamed(request, files.pieces(found.pk, 0, found.bytes), content_type=NDJSON, headers=headers)


def _address(export: Export) -> str:
    return f"{base()}/$export/{export.pk}"
