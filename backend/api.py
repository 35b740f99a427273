"""How the HTTP API answers an error.

Invariant: every error is ``{"code", "detail", ...}`` with a stable code, and every refusal is audited, a stranger's by count
(``backend.flooding``). A database that is away is 503, for the caller to repeat. It knows the parts below it (the audit log), so no
part imports it: ``settings`` names it to the framework. What views need is in ``backend.idempotency`` and ``backend.pagination``.
"""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions as drf
from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import Event
from audit.services import record_refused
from backend.errors import DomainError
from backend.flooding import count_to_record

log = logging.getLogger(__name__)

# Refused access is an event; a typo in a field is not.
AUDITED_STATUSES = frozenset({401, 403, 404, 409, 410, 412, 429})


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
            headers = {"Retry-After": str(int(wait))} if (wait := getattr(error, "wait", None)) else {}
            return error.status_code, {"code": str(error.default_code), "detail": str(error.default_detail)}, headers
        case Http404():
            return 404, {"code": "not_found", "detail": "There is no such object."}, {}
        case PermissionDenied():
            return 403, {"code": "forbidden", "detail": "This is not yours to do."}, {}
        case RequestDataTooBig():
            return 413, {"code": "too_large", "detail": "The body is larger than this endpoint takes."}, {}
        case OperationalError() | InterfaceError():
            # Whether a broken commit took place nobody knows; the repetition with the same key finds out.
            log.error("the database is away: %s", type(error.__cause__ or error).__name__)
            return 503, {"code": "service.try_again", "detail": "The service is briefly away. Send the same again."}, {"Retry-After": "1"}
    return None, {}, {}


def _audit_refusal(context: dict[str, Any], code: str) -> None:
    request: Request = context["request"]
    actor = getattr(request, "actor", None)
    match = request._request.resolver_match
    route = f"{request.method} {match.route if match else ''}"
    detail: dict[str, str | int | list[str]] = {"code": code, "route": route}
    if actor:
        record_refused(Event("api.refused", actor.agent(), [actor.hospital_id], outcome="refused", detail=detail))
    elif count := count_to_record(code, route):
        record_refused(Event("api.refused", None, outcome="refused", detail=detail | {"count": count}))
