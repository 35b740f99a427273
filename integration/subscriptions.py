"""A client's Subscription as FHIR R4 has it, read and shown (Subscriptions R5 Backport, STU 1.1, for R4).

Invariant: what is not done here is refused and not passed over: a header would be a secret kept here, since calls prove themselves by
their signature.
"""

from typing import Any, Final

from rest_framework import serializers

from backend.errors import Invalid
from backend.parsing import parsed
from integration.measures import refuse_modified
from integration.models import Webhook
from integration.notifications import FHIR_JSON, topic_address
from integration.resources import Resource, base

PROFILE: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription"
CONTENT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
_TAKEN: Final = {"resourceType", "id", "meta", "status", "reason", "criteria", "channel"}
_CHANNEL: Final = {"type", "endpoint", "payload", "_payload"}
_ID_ONLY: Final = {"extension": [{"url": CONTENT, "valueCode": "id-only"}]}


class _Channel(serializers.Serializer):  # type: ignore[type-arg]
    type = serializers.ChoiceField(["rest-hook"])
    endpoint = serializers.CharField(max_length=255)
    payload = serializers.ChoiceField([FHIR_JSON], default=FHIR_JSON)


class _Subscription(serializers.Serializer):  # type: ignore[type-arg]
    resourceType = serializers.ChoiceField(["Subscription"])  # noqa: N815 -- FHIR's name
    status = serializers.ChoiceField(["requested"])
    reason = serializers.CharField(max_length=200)
    criteria = serializers.CharField(max_length=255)
    channel = _Channel()


def subscribed(body: Any) -> tuple[str, str]:
    """Address and reason of a Subscription to be made.

    Raises:
        ValidationError: DRF's, with the elements.
        Invalid: ``fhir.modified``, ``fhir.element_not_taken``, ``subscription.no_such_topic``.
    """
    refuse_modified(body)
    told = parsed(_Subscription, body)
    if not body.keys() <= _TAKEN or not body["channel"].keys() <= _CHANNEL or body["channel"].get("_payload", _ID_ONLY) != _ID_ONLY:
        sentence = (
            "A Subscription here has status, reason, criteria and a channel of type, endpoint and payload; notifications are id-only."
        )
        raise Invalid("fhir.element_not_taken", sentence)
    if told["criteria"] != topic_address():
        raise Invalid("subscription.no_such_topic", f"The topic here is {topic_address()}.")
    return told["channel"]["endpoint"], told["reason"]


def subscription(webhook: Webhook) -> Resource:
    """``requested`` until the receiver has answered the first call, ``error`` when it was given up."""
    return {
        "resourceType": "Subscription",
        "id": str(webhook.pk),
        "meta": {"profile": [PROFILE]},
        "status": _status(webhook),
        "reason": webhook.reason,
        "criteria": topic_address(),
        "channel": {"type": "rest-hook", "endpoint": webhook.endpoint, "payload": FHIR_JSON, "_payload": _ID_ONLY},
        **({"error": f"HTTP {webhook.last_status}"} if webhook.failing_since and webhook.last_status else {}),
    }


def with_secret(shown: Resource, secret: str) -> Resource:
    """As its maker sees it, once."""
    extension = {"url": f"{base()}/StructureDefinition/webhook-secret", "valueString": secret}
    return shown | {"channel": shown["channel"] | {"extension": [extension]}}


def _status(webhook: Webhook) -> str:
    if webhook.halted_at:
        return "error"
    return "active" if webhook.confirmed_at else "requested"
