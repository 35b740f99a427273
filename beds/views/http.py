"""What every view of beds reads of a request beside its body.

Invariant: a conditional write names the version its caller has seen; without one nothing is written.
"""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from backend.errors import Invalid
from identity.actors import Actor

IDEMPOTENCY_KEY = OpenApiParameter("Idempotency-Key", UUID, OpenApiParameter.HEADER, required=True)
IF_MATCH = OpenApiParameter("If-Match", int, OpenApiParameter.HEADER, required=True, description="The version the caller has seen.")


class HttpRequest(Request):
    """After authentication: somebody is signed in."""

    actor: Actor


def version_seen(request: HttpRequest, of: str = "capacity") -> int:
    """Raises: Invalid: ``capacity.version_missing``, or that of another part."""
    try:
        return int(request.headers["If-Match"].strip('"'))
    except (KeyError, ValueError):
        raise Invalid(f"{of}.version_missing", "Send If-Match with the version you have seen.") from None
