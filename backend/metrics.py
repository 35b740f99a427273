"""``/metrics`` for Prometheus: loopback, or a token.

Invariant: labels are methods, route patterns and states; never an id of a person, a hospital or a case.
"""

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from audit.status import oldest_pending_seconds

REQUESTS = Counter("wardline_requests", "Requests answered", ["method", "route", "status"])
LATENCY = Histogram("wardline_request_seconds", "Time to answer, in seconds", ["method", "route"])
AUDIT_PENDING_AGE = Gauge("wardline_audit_pending_age_seconds", "Age of the oldest event that waits for its place in the log, in seconds")


def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_read(request):
        return HttpResponse(status=404)
    AUDIT_PENDING_AGE.set(oldest_pending_seconds())
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    # A proxy on the same machine connects from loopback too, and says for whom.
    return request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and "X-Forwarded-For" not in request.headers
