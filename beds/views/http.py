"""What every view of beds reads of a request beside its body."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from identity.actors import Actor

IDEMPOTENCY_KEY = OpenApiParameter("Idempotency-Key", UUID, OpenApiParameter.HEADER, required=True)


class HttpRequest(Request):
    """After authentication: somebody is signed in."""

    actor: Actor
