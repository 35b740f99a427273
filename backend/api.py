"""How the HTTP API answers: errors, pages, retries.

Invariant: every error is ``{"code", "detail", ...}`` with a stable code and is audited when somebody was refused; a write repeated with its key is done once.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import transaction
from django.http import Http404
from rest_framework import exceptions as drf
from rest_framework.pagination import CursorPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import Event
from audit.services import record_refused
from backend.errors import Conflict, DomainError, Invalid
from backend.models import FirstAnswer

# Refused access is an event; a typo in a field is not.
AUDITED_STATUSES = frozenset({401, 403, 404, 409, 410, 429})


class Page(CursorPagination):
    """``?cursor=`` pages of ``{next, previous, results}``; stable while rows are added."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    ordering = "-created_at"


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error in one shape, every refusal in the audit log."""
    status, body, headers = _translate(error)
    if status is None:
        return None
    if status in AUDITED_STATUSES:
        _audit_refusal(context, body["code"])
    return Response(body, status=status, headers=headers)


def _translate(error: Exception) -> tuple[int | None, dict[str, Any], dict[str, str]]:
    match error:
        case DomainError():
            headers = {"Retry-After": str(error.extra["retry_after"])} if "retry_after" in error.extra else {}
            return error.status, {"code": error.code, "detail": error.detail, **error.extra}, headers
        case drf.ValidationError():
            return 400, {"code": "invalid", "detail": "Some fields are missing or malformed.", "fields": error.get_codes()}, {}
        case drf.APIException():
            headers = {"Retry-After": str(int(error.wait))} if getattr(error, "wait", None) else {}
            return error.status_code, {"code": str(error.default_code), "detail": str(error.default_detail)}, headers
        case Http404():
            return 404, {"code": "not_found", "detail": "There is no such object."}, {}
        case PermissionDenied():
            return 403, {"code": "forbidden", "detail": "This is not yours to do."}, {}
        case RequestDataTooBig():
            return 413, {"code": "too_large", "detail": "The body is larger than this endpoint takes."}, {}
    return None, {}, {}


def _audit_refusal(context: dict[str, Any], code: str) -> None:
    request: Request = context["request"]
    actor = getattr(request, "actor", None)
    match = request._request.resolver_match
    route = f"{request.method} {match.route if match else ''}"
    hospitals = [actor.hospital_id] if actor else []
    agent = actor.agent() if actor else None
    record_refused(Event(action="api.refused", agent=agent, hospitals=hospitals, outcome="refused", detail={"code": code, "route": route}))


def idempotent(method: Callable[..., Response]) -> Callable[..., Response]:
    """Make a view's write happen once per ``Idempotency-Key`` (a UUID the client makes), in one transaction with its stored answer.

    Same key and body: the first answer again, with ``Idempotency-Replayed: true``. Same key, other body: ``409 idempotency.key_reused``. An error stores nothing, so
    the key may be used again. Keys are kept for at least 24 hours.
    """

    @functools.wraps(method)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = _key(request)
        digest = hashlib.sha256(b"\0".join([str(request.method).encode(), request.path.encode(), request.body])).digest()
        with transaction.atomic():
            # A second request with the same key waits here for the first one's commit: the unique index decides, not a look.
            answer, is_new = FirstAnswer.objects.get_or_create(person=request.actor.person_id, key=key, defaults={"digest": digest})
            if not is_new:
                return _replay(answer, digest)
            response = method(view, request, *args, **kwargs)
            answer.status, answer.body = response.status_code, json.loads(JSONRenderer().render(response.data))
            answer.save(update_fields=["status", "body"])
        return response

    return once


def _key(request: Request) -> UUID:
    try:
        return UUID(request.headers["Idempotency-Key"])
    except (KeyError, ValueError):
        raise Invalid("idempotency.key_missing", "Send an Idempotency-Key header with a UUID made for this action.") from None


def _replay(answer: FirstAnswer, digest: bytes) -> Response:
    if bytes(answer.digest) != digest:
        raise Conflict("idempotency.key_reused", "This key was used for a different request.")
    return Response(answer.body, status=answer.status, headers={"Idempotency-Replayed": "true"})
