"""A write repeated with its key is done once.

Invariant: the answer to a key is stored in the transaction of the action it answers; the unique index, not a look, decides who is first.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from backend.errors import Conflict, Invalid
from backend.models import FirstAnswer


def idempotent(method: Callable[..., Response]) -> Callable[..., Response]:
    """Make a view's write happen once per ``Idempotency-Key`` (a UUID the client makes), in one transaction with its stored answer.

    Same key and body: the first answer again, with ``Idempotency-Replayed: true``. Same key, other body: ``409 idempotency.key_reused``.
    An error stores nothing, so the key may be used again. Keys are kept for at least 24 hours.
    """

    @functools.wraps(method)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = _key(request)
        digest = hashlib.sha256(b"\0".join([str(request.method).encode(), request.path.encode(), request.body])).digest()
        with transaction.atomic():
            # A second request with the same key waits here for the first one's commit: the unique index decides, not a look.
            answer, is_new = FirstAnswer.objects.get_or_create(person=_person(request), key=key, defaults={"digest": digest})
            if not is_new:
                return _replay(answer, digest)
            response = method(view, request, *args, **kwargs)
            answer.status, answer.body = response.status_code, json.loads(JSONRenderer().render(response.data))
            answer.save(update_fields=["status", "body"])
        return response

    return once


def _person(request: Request) -> UUID:
    person: UUID = request.actor.person_id  # type: ignore[attr-defined]  # set by identity, which stands above this module
    return person


def _key(request: Request) -> UUID:
    try:
        return UUID(request.headers["Idempotency-Key"])
    except (KeyError, ValueError):
        raise Invalid("idempotency.key_missing", "Send an Idempotency-Key header with a UUID made for this action.") from None


def _replay(answer: FirstAnswer, digest: bytes) -> Response:
    if bytes(answer.digest) != digest:
        raise Conflict("idempotency.key_reused", "This key was used for a different request.")
    return Response(answer.body, status=answer.status, headers={"Idempotency-Replayed": "true"})
