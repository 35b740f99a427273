"""Ring a person's open sockets after commit.

Invariant: a ring is a hint, never the truth. It says "something of yours changed" (and may carry the change as a fast path); a client that missed it asks
``/sync`` and gets the same. Nothing is sent for a transaction that rolls back.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction

CHANNEL = "wardline:ring"


def ring_after_commit(people: Iterable[UUID], event: dict[str, Any]) -> None:
    """Send ``event`` (JSON-ready, with ``t``) to every open socket of ``people`` once the present transaction has committed."""
    raise NotImplementedError


def close_after_commit(sign_ins: Iterable[UUID]) -> None:
    """Close the sockets of these sign-ins once the present transaction has committed."""
    raise NotImplementedError
