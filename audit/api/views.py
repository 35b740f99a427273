"""The auditor's calls of the audit log.

Invariant: whoever takes a log out of the house is in the log, before the first byte leaves.
"""

from django.db import transaction
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from audit.api.access import actor_of, log_of_reader, newest_checkpoint
from audit.events import Event
from audit.exports import bundle
from audit.services import record
from backend.negotiation import AnyAccept
from backend.streaming import NEVER, streamed


class Export(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="audit_export",
        responses={
            (200, "application/x-ndjson"): OpenApiResponse(
                OpenApiTypes.STR, "The signed bundle, one JSON object a line (docs/audit-log.md)."
            )
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The own hospital's whole log up to its newest checkpoint, for `wardline-verify`. Auditors and registrars; audited."""
        actor = actor_of(request)
        log = log_of_reader(actor)
        checkpoint = newest_checkpoint(log.id)
        detail = {"size": checkpoint.size}
        with transaction.atomic():
            record(
                event=Event(
                    action="audit.export", agent=actor.agent(), hospitals=[actor.hospital_id], subjects={"log": log.id}, detail=detail
                )
            )
        pieces = bundle.whole(log=log.id, hospital=log.hospital, note=checkpoint.note, size=checkpoint.size)
        name = f"audit-{log.id}-{checkpoint.size}.ndjson"
        headers = {"Cache-Control": NEVER, "Content-Disposition": f'attachment; filename="{name}"'}
        return streamed(request, pieces, content_type="application/x-ndjson", headers=headers)
