"""Conditional writes: the caller names the version it has seen.

Invariant: without one nothing is written.
"""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from backend.errors import Invalid

IF_MATCH = OpenApiParameter("If-Match", int, OpenApiParameter.HEADER, required=True, description="The version the caller has seen.")


def version_seen(request: Request, of: str) -> int:
    """Raises: Invalid: ``<of>.version_missing``."""
    try:
        return int(request.headers["If-Match"].strip('"'))
    except (KeyError, ValueError):
        raise Invalid(f"{of}.version_missing", "Send If-Match with the version you have seen.") from None
