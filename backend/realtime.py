"""Ring a person's open sockets after commit.

Invariant: a ring is a hint, never the truth. It says "something of yours changed" (and may carry the change as a fast path); a client
that missed it asks ``/sync`` and gets the same. Nothing is sent for a transaction that rolls back, and a Redis that is down never fails a
transaction that committed.

On the wire (one Redis channel, one subscription per server process) a publication is a run of frames, each two lines: who, then the
event's JSON as it goes out to the sockets, encoded once. The first line is ``>`` and person ids, ``#`` and ids of hospitals whose people
are told if they watch (the board), or ``!`` and sign-in ids whose sockets close, joined by commas.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction

CHANNEL = "wardline:ring"
RING, WATCH, CLOSE = ">", "#", "!"


class Frame(NamedTuple):
    kind: str  # RING, WATCH or CLOSE
    targets: list[str]  # person ids, hospital ids or sign-in ids
    text: str  # the event's JSON; empty for CLOSE


def ring_after_commit(people: Iterable[UUID], event: dict[str, Any]) -> None:
    """Send ``event`` (JSON-ready, with ``t``) to every open socket of ``people`` once the present transaction has committed."""
    _after_commit(encode_frame(RING, people, encode_event(event)))


def ring_watching_after_commit(hospitals: Iterable[UUID], event: dict[str, Any]) -> None:
    """Send ``event`` to the sockets of these hospitals that watch, after commit; at most so often a second (``messaging.hub``).

    Not by person: where hundreds of hospitals report all day, who looks is known to the sockets alone.
    """
    _after_commit(encode_frame(WATCH, hospitals, encode_event(event)))


def close_after_commit(sign_ins: Iterable[UUID]) -> None:
    """Close the sockets of these sign-ins once the present transaction has committed."""
    _after_commit(encode_frame(CLOSE, sign_ins, ""))


def encode_event(event: dict[str, Any]) -> str:
    """JSON as the HTTP API gives it, times with microseconds: the same thing reads the same on both ways."""
    return _encode(event)


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    raise TypeError(f"{type(value).__name__} has no place in an event.")


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain, check_circular=False).encode


def encode_frame(kind: str, targets: Iterable[UUID], text: str) -> str:
    """Empty when there is nobody to tell. JSON text has no raw line breaks, so lines delimit."""
    names = ",".join(map(str, targets))
    return f"{kind}{names}\n{text}\n" if names else ""


def decode_frames(publication: str) -> Iterator[Frame]:
    lines = publication.split("\n")
    for head, text in zip(lines[0::2], lines[1::2], strict=False):
        yield Frame(head[:1], head[1:].split(","), text)


def _after_commit(frame: str) -> None:
    if frame:
        # ``robust``: what was committed stays answered as done; sockets that missed the ring fetch.
        transaction.on_commit(lambda: _client().publish(CHANNEL, frame), robust=True)


@cache
def _client() -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
