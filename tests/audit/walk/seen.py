"""What the log says since."""

import json
from typing import Any, NamedTuple

from audit.models import IndexEntry


class Told(NamedTuple):
    """An event; ``code`` is the error code of a refusal."""

    action: str
    outcome: str
    code: str
    logs: list[Any]


def last_event() -> int:
    return IndexEntry.objects.order_by("-event").values_list("event", flat=True).first() or 0


def told_since(event: int) -> list[Told]:
    found = IndexEntry.objects.filter(event__gt=event).order_by("event").select_related("event")
    codes = [json.loads(bytes(entry.event.leaf))["detail"].get("code", "") for entry in found]
    return [Told(entry.action, entry.outcome, code, entry.hospitals) for entry, code in zip(found, codes, strict=True)]
