"""What a webhook is told, by its topic.

Invariant: ids and codes: no name, no content. Who is told may look at what it is about with its own scopes, or on a phone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from beds.models import Alarm
from integration.models import Webhook
from integration.resources import Resource, base

STATUS_PROFILE: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4"
NOTIFICATION_PROFILE: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-notification-r4"
FHIR_JSON: Final = "application/fhir+json"


def topic_address() -> str:
    return f"{base()}/SubscriptionTopic/tasks"


def alarm_raised(number: int, alarm: Alarm) -> Mapping[str, object]:
    """``candidate`` with its ``request`` is to be fetched with it. The role's id is what a pager system maps to a group of pagers; ``link``
    opens the case on a phone.
    """
    candidate = alarm.candidate
    data = {
        "number": number,
        "role": str(alarm.role_id),
        "request": str(candidate.request_id),
        "candidate": str(candidate.pk),
        "urgency": candidate.request.urgency,
        "step": alarm.position,
        "whom": alarm.whom,
        "how": alarm.how,
        "link": f"{settings.PUBLIC_URL}/#/incoming/{candidate.pk}",
    }
    return {"type": "alarm.raised", "timestamp": alarm.raised_at.isoformat(), "data": data}


def handshake(subscription: Webhook, *, at: datetime) -> Resource:
    """The first call: a receiver that answers it is one."""
    return _bundle(subscription, "handshake", at=at)


def task_changed(subscription: Webhook, *, number: int, task: str, happened_at: datetime, at: datetime) -> Resource:
    """A notification with ids alone (R4 backport, ``id-only``)."""
    focus = f"{base()}/Task/{task}"
    event: list[dict[str, Any]] = [
        {"name": "event-number", "valueString": str(number)},
        {"name": "timestamp", "valueInstant": _instant(happened_at)},
        {"name": "focus", "valueReference": {"reference": focus}},
    ]
    found = _bundle(subscription, "event-notification", at=at, event=event)
    entry = {"fullUrl": focus, "request": {"method": "GET", "url": f"Task/{task}"}, "response": {"status": "200"}}
    return found | {"entry": [*found["entry"], entry]}


def _bundle(subscription: Webhook, kind: str, *, at: datetime, event: list[dict[str, Any]] | None = None) -> Resource:
    """``subscriptionstatus`` as Parameters, first (https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/notifications.html)."""
    parameters: list[dict[str, Any]] = [
        {"name": "subscription", "valueReference": {"reference": f"{base()}/Subscription/{subscription.pk}"}},
        {"name": "topic", "valueCanonical": topic_address()},
        {"name": "status", "valueCode": "active" if subscription.confirmed_at else "requested"},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(subscription.owed)},
    ]
    if event:
        parameters.append({"name": "notification-event", "part": event})
    status = {"resourceType": "Parameters", "meta": {"profile": [STATUS_PROFILE]}, "parameter": parameters}
    asked = {"method": "GET", "url": f"Subscription/{subscription.pk}"}
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [NOTIFICATION_PROFILE]},
        "type": "history",
        "timestamp": _instant(at),
        "entry": [{"fullUrl": f"urn:uuid:{subscription.pk}", "resource": status, "request": asked, "response": {"status": "200"}}],
    }


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
