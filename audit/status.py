"""How the logs are doing, for the person on call and for monitoring.

Invariant: whatever needs a person has a code in ``problems``; it is found in a constant number of queries, and nothing is changed or
locked by looking.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from audit.keys import signing_key
from audit.published import last_published

PATIENCE_SECONDS = 10  # the worker comes every second; what waits longer waits for nobody

_PENDING = """
    SELECT count(*), coalesce(extract(epoch FROM now() - (
        SELECT at FROM audit_index WHERE event = (SELECT min(event) FROM audit_pending))), 0)::float
    FROM audit_pending"""
# What is not under a checkpoint yet has been waiting since its first event.
_LOGS = """
    SELECT log.id, log.hospital, log.size, newest.size, newest.signed_at,
        coalesce(extract(epoch FROM now() - first.at), 0)::float
    FROM audit_log log
    LEFT JOIN LATERAL (
        SELECT size, signed_at FROM audit_checkpoint WHERE log = log.id ORDER BY size DESC LIMIT 1) newest ON true
    LEFT JOIN audit_leaf leaf ON leaf.log = log.id AND leaf.leaf_index = coalesce(newest.size, 0)
    LEFT JOIN audit_index first ON first.event = leaf.event
    ORDER BY log.created_at, log.id"""


@dataclass(frozen=True, slots=True)
class LogStatus:
    """One log. ``published`` is the size noted outside of the database, ``unsigned_seconds`` the age of the oldest event that is in the
    tree and under no checkpoint."""

    id: UUID
    hospital: UUID
    size: int
    signed: int
    signed_at: datetime | None
    unsigned_seconds: float
    published: int

    @property
    def problems(self) -> list[str]:
        """``set_back``: less is in the database than was published. ``unsigned``: it has grown and nobody signs it (no worker, or a
        fork was refused)."""
        found = ["set_back"] if self.published > self.size else []
        return found + (["unsigned"] if self.unsigned_seconds > PATIENCE_SECONDS else [])


@dataclass(frozen=True, slots=True)
class Status:
    """All of it. ``oldest_seconds`` is the age of the oldest event that waits for its place."""

    pending: int
    oldest_seconds: float
    has_key: bool
    logs: list[LogStatus]

    @property
    def problems(self) -> list[tuple[str, UUID | None]]:
        """``(code, log)``; no log where it concerns all. ``unsequenced``: nobody sequences. ``no_key``: nobody can sign."""
        return list(self._problems())

    def _problems(self) -> Iterator[tuple[str, UUID | None]]:
        if self.oldest_seconds > PATIENCE_SECONDS:
            yield "unsequenced", None
        if not self.has_key:
            yield "no_key", None
        for log in self.logs:
            yield from ((code, log.id) for code in log.problems)


def status() -> Status:
    with connection.cursor() as cursor:
        cursor.execute(_PENDING)
        pending, oldest = cursor.fetchone()
        cursor.execute(_LOGS)
        logs = [
            LogStatus(log, hospital, size, signed or 0, signed_at, unsigned, last_published(log)[0])
            for log, hospital, size, signed, signed_at, unsigned in cursor.fetchall()
        ]
    return Status(pending=pending, oldest_seconds=oldest, has_key=_has_key(), logs=logs)


def oldest_pending_seconds() -> float:
    """Age of the oldest event that waits for its place in the log; 0 when none does."""
    with connection.cursor() as cursor:
        cursor.execute(_PENDING)
        return float(cursor.fetchone()[1])


def _has_key() -> bool:
    try:
        signing_key()
    except ImproperlyConfigured:
        return False
    return True
