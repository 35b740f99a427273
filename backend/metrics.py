"""``/metrics`` for Prometheus: loopback, or a token.

Invariant: labels are methods, route patterns and states; never an id of a person, a hospital or a case.
"""

import secrets
from collections import Counter as Counted

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from audit.status import oldest_pending_seconds, witness_status
from identity.services.sso_checks import longest_failing_seconds

REQUESTS = Counter("wardline_requests", "Requests answered", ["method", "route", "status"])
LATENCY = Histogram("wardline_request_seconds", "Time to answer, in seconds", ["method", "route"])
AUDIT_PENDING_AGE = Gauge("wardline_audit_pending_age_seconds", "Age of the oldest event that waits for its place in the log, in seconds")
WITNESSES = Gauge("wardline_audit_witnesses", "Pairs of a witness and a log, by state", ["state"])
WITNESS_BEHIND = Gauge(
    "wardline_audit_witness_behind_seconds", "Age of the oldest checkpoint that some witness has not cosigned, in seconds"
)

SSO_FAILING = Gauge(
    "wardline_sso_failing_seconds", "How long the hospital's sign-in service that has failed longest has not answered, in seconds"
)


def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_read(request):
        return HttpResponse(status=404)
    AUDIT_PENDING_AGE.set(oldest_pending_seconds())
    _measure_witnesses()
    SSO_FAILING.set(longest_failing_seconds())
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    # A proxy on the same machine connects from loopback too, and says for whom.
    return request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and "X-Forwarded-For" not in request.headers


def _measure_witnesses() -> None:
    try:
        witnesses = witness_status()
    except ImproperlyConfigured:
        return  # audit_status says so; the other measures are read all the same
    WITNESSES.clear()
    for state, count in Counted(witness.state for witness in witnesses).items():
        WITNESSES.labels(state).set(count)
    WITNESS_BEHIND.set(max((witness.behind_seconds for witness in witnesses), default=0))
