"""One log line and one measurement per request.

Invariant: a request is named by its route's pattern, never its path: ids, tokens and search words stay out of logs and metrics.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from backend.metrics import LATENCY, REQUESTS

log = structlog.get_logger("wardline.request")
# A proxy may bring its own id; anything longer or stranger could smuggle text into the log.
REQUEST_ID = re.compile(r"^[0-9a-fA-F-]{8,36}$")
# Asked every few seconds by machines, and of no interest once they answer.
QUIET = frozenset({"healthz", "readyz", "metrics"})


@sync_and_async_middleware
def observe(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Outermost middleware."""
    if asyncio.iscoroutinefunction(get_response):
        return _observe_async(get_response)

    def middleware(request: HttpRequest) -> HttpResponse:
        started = _begin(request)
        return _end(request, get_response(request), started)

    return middleware


def _observe_async(get_response: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
    async def middleware(request: HttpRequest) -> HttpResponse:
        started = _begin(request)
        return _end(request, await get_response(request), started)

    return middleware


def _begin(request: HttpRequest) -> float:
    given = request.headers.get("X-Request-ID", "")
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=given if REQUEST_ID.match(given) else uuid.uuid4().hex)
    return time.monotonic()


def _end(request: HttpRequest, response: HttpResponse, started: float) -> HttpResponse:
    seconds = time.monotonic() - started
    match = request.resolver_match
    route = match.route if match else "unmatched"
    REQUESTS.labels(request.method, route, response.status_code).inc()
    LATENCY.labels(request.method, route).observe(seconds)
    response["X-Request-ID"] = structlog.contextvars.get_contextvars()["request_id"]
    if route not in QUIET and match:
        log.info("request", method=request.method, route=route, status=response.status_code, milliseconds=round(seconds * 1000, 1))
    return response
