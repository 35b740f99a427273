"""One call of a webhook. No transaction is open meanwhile."""

import json
import time
from collections.abc import Mapping
from typing import Final

from backend.errors import Invalid, Unavailable
from identity import outbound
from integration.models import Webhook
from integration.signatures import headers_of

NO_ANSWER: Final = 0


def call(webhook: Webhook, *, notice: str, told: Mapping[str, object], kind: str = "application/json") -> int:
    """The receiver's HTTP status, or ``NO_ANSWER``. ``notice`` is the same at every attempt, so that the receiver knows it again; the
    signature's time is that of the attempt (Standard Webhooks 1.0). ``kind`` is the media type of ``told``.
    """
    body = json.dumps(told, separators=(",", ":"), sort_keys=True).encode()
    signed = headers_of(webhook.pk, webhook.generation, notice=notice, at=int(time.time()), body=body)
    try:
        return outbound.call("POST", webhook.endpoint, body=body, headers=signed | {"Content-Type": kind}).status
    except (Invalid, Unavailable):
        return NO_ANSWER
