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

from audit.keys import second_key, signing_key
from audit.policy import read_policy
from audit.published import Unreadable, last_published
from backend.roles import has_too_much

WITNESS_PATIENCE_SECONDS = 60
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
_WITNESSES = """
    SELECT known.log, known.witness, coalesce(last.size, 0), known.cosigned_at, known.problem,
        coalesce(extract(epoch FROM now() - missed.signed_at), 0)::float
    FROM audit_witness known
    LEFT JOIN LATERAL (
        SELECT max(size) AS size FROM audit_cosignature WHERE log = known.log AND witness = known.witness) last ON true
    LEFT JOIN LATERAL (
        SELECT signed_at FROM audit_checkpoint WHERE log = known.log AND size > coalesce(last.size, 0) ORDER BY size LIMIT 1) missed ON true
    WHERE known.witness = ANY (%s::text[])
    ORDER BY known.log, known.witness"""


@dataclass(frozen=True, slots=True)
class WitnessStatus:
    """One witness and one log. ``size`` is what it last cosigned, ``problem`` what happened when it was last asked in vain (the check
    constraint of ``audit_witness`` has the words), ``behind_seconds`` the age of the oldest checkpoint it has not cosigned."""

    log: UUID
    witness: str
    size: int
    cosigned_at: datetime | None
    problem: str
    behind_seconds: float

    @property
    def state(self) -> str:
        """``current``, ``late`` (asked, or about to be, for less than a minute), ``missing`` or the problem."""
        if self.problem:
            return self.problem
        if self.behind_seconds > WITNESS_PATIENCE_SECONDS:
            return "missing"
        return "late" if self.behind_seconds else "current"

    @property
    def needs_person(self) -> bool:
        """A fork at once; what may pass by itself, after a minute."""
        return self.problem in ("fork", "ahead", "no_proof") or self.behind_seconds > WITNESS_PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class LogStatus:
    """One log. ``published`` is the size noted outside of the database (``None``: the note cannot be read), ``unsigned_seconds`` the age of
    the oldest event that is in the tree and under no checkpoint."""

    id: UUID
    hospital: UUID
    size: int
    signed: int
    signed_at: datetime | None
    unsigned_seconds: float
    published: int | None

    @property
    def problems(self) -> list[str]:
        """``set_back``: less is in the database than was published. ``published_unreadable``, ``published_lost``: it is not known what was
        published. ``unsigned``: it has grown and nobody signs it (no worker, or a fork was refused)."""
        found = []
        if self.published is None:
            found.append("published_unreadable")
        elif self.published > self.size:
            found.append("set_back")
        elif self.signed and not self.published:
            found.append("published_lost")
        return found + (["unsigned"] if self.unsigned_seconds > PATIENCE_SECONDS else [])


@dataclass(frozen=True, slots=True)
class Status:
    """All of it. ``oldest_seconds`` is the age of the oldest event that waits for its place."""

    pending: int
    oldest_seconds: float
    is_append_only: bool
    has_key: bool
    has_policy: bool
    logs: list[LogStatus]
    witnesses: list[WitnessStatus]

    @property
    def problems(self) -> list[tuple[str, UUID | None]]:
        """``(code, log)``; no log where it concerns all. ``unsequenced``: nobody sequences. ``one_role``: who asks could change the
        log's tables, so owner and service are not separate. ``no_key``: nobody can sign.
        ``no_policy``: AUDIT_POLICY_FILE cannot be read. ``witness_...``: as ``WitnessStatus.state``."""
        return list(self._problems())

    def _problems(self) -> Iterator[tuple[str, UUID | None]]:
        if self.oldest_seconds > PATIENCE_SECONDS:
            yield "unsequenced", None
        if not self.is_append_only:
            yield "one_role", None
        if not self.has_key:
            yield "no_key", None
        if not self.has_policy:
            yield "no_policy", None
        for log in self.logs:
            yield from ((code, log.id) for code in log.problems)
        yield from ((f"witness_{each.state}", each.log) for each in self.witnesses if each.needs_person)


def status() -> Status:
    with connection.cursor() as cursor:
        cursor.execute(_PENDING)
        pending, oldest = cursor.fetchone()
        is_append_only = not has_too_much(cursor)
        cursor.execute(_LOGS)
        logs = [
            LogStatus(log, hospital, size, signed or 0, signed_at, unsigned, _published(log))
            for log, hospital, size, signed, signed_at, unsigned in cursor.fetchall()
        ]
    try:
        witnesses, has_policy = witness_status(), True
    except ImproperlyConfigured:
        witnesses, has_policy = [], False
    return Status(
        pending=pending,
        oldest_seconds=oldest,
        is_append_only=is_append_only,
        has_key=_has_key(),
        has_policy=has_policy,
        logs=logs,
        witnesses=witnesses,
    )


def witness_status() -> list[WitnessStatus]:
    """Every witness of the policy with every log, in one query.

    Raises:
        ImproperlyConfigured: the policy cannot be read.
    """
    ids = [witness.id for witness in read_policy().witnesses.values()]
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_WITNESSES, [ids])
        return [WitnessStatus(*row) for row in cursor.fetchall()]


def oldest_pending_seconds() -> float:
    """Age of the oldest event that waits for its place in the log; 0 when none does."""
    with connection.cursor() as cursor:
        cursor.execute(_PENDING)
        return float(cursor.fetchone()[1])


def _published(log: UUID) -> int | None:
    try:
        return last_published(log)[0]
    except Unreadable:
        return None


def _has_key() -> bool:
    try:
        signing_key(), second_key()
    except ImproperlyConfigured:
        return False
    return True
