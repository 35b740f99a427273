"""Sign what the logs are.

Invariant: only a committed size with its root is signed, and only if it continues what was published before. The second check reads from
outside of the database: a restored or rewritten database makes signing stop, with an alarm, and never a fork.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audit.events import SYSTEM, Event
from audit.keys import second_key, signing_key
from audit.leaves import OPERATOR
from audit.merkle import Range
from audit.notes import checkpoint_text, sign, verifier_key
from audit.published import ForkRefused, Published, overrule, published
from audit.second import second_line
from audit.services import record
from audit.tree import range_at

logger = logging.getLogger(__name__)

_UNSIGNED = """
    SELECT id FROM audit_log WHERE NOT EXISTS (
        SELECT FROM audit_checkpoint WHERE audit_checkpoint.log = audit_log.id AND audit_checkpoint.size >= audit_log.size)
    ORDER BY created_at, id"""
# With the size of the newest checkpoint that the database itself has.
_STATE = (
    "SELECT size, frontier, coalesce((SELECT max(size) FROM audit_checkpoint WHERE log = audit_log.id), 0) FROM audit_log WHERE id = %s"
)
_NEWEST = """
    SELECT hospital, newest.size, note FROM audit_log LEFT JOIN audit_checkpoint newest ON newest.log = audit_log.id
    WHERE audit_log.id = %s ORDER BY newest.size DESC NULLS LAST LIMIT 1"""


def origin_of(log: UUID) -> str:
    """The log's name in checkpoints and keys."""
    return f"{settings.AUDIT_ORIGIN}/{log}"


def verifier_keys(logs: Iterable[UUID]) -> dict[UUID, str]:
    """The public halves with which the checkpoints of these logs are checked."""
    key = signing_key()
    return {log: verifier_key(origin_of(log), key) for log in logs}


class Signed(NamedTuple):
    """A checkpoint as it was signed."""

    size: int
    root: bytes
    note: str


def sign_leaves(last: Published, *, origin: str, leaves: Sequence[bytes]) -> Signed:
    """Sign a tree that its owner keeps whole, given all its leaf hashes; it is noted as published before it is returned.

    Raises:
        ForkRefused: it is smaller than, or does not continue, what was published.
    """
    if len(leaves) < last.size:
        raise ForkRefused(f"{origin} has {len(leaves)} leaves; {last.size} were published.")
    tree = Range()
    for leaf in leaves:
        list(tree.append(leaf))
        if tree.size == last.size and tree.root() != last.root:
            raise ForkRefused(f"{origin} has another root at {last.size} leaves than was published.")
    note = _signed_note(origin, tree)
    last.write(note)
    return Signed(tree.size, tree.root(), note)


def sign_checkpoints() -> int:
    """Sign every log that has grown since its last checkpoint; returns how many.

    Raises:
        ForkRefused: for at least one log; the others are signed all the same.
        OSError: the state folder cannot be written.
    """
    with connection.cursor() as cursor:
        cursor.execute(_UNSIGNED)
        logs = [log for (log,) in cursor.fetchall()]
    refused: ForkRefused | OSError | None = None
    for log in logs:
        try:
            sign_checkpoint(log)
        except (ForkRefused, OSError) as error:
            alarm = "audit.fork_refused" if isinstance(error, ForkRefused) else "audit.cannot_publish"
            logger.critical(alarm, extra={"log": str(log)})
            refused = error
    if refused:
        raise refused
    return len(logs)


def sign_checkpoint(log: UUID) -> str:
    """Sign and store the log's present state; returns the note.

    Raises:
        ForkRefused: the log is smaller than, or does not continue, what was published; or nobody knows what was.
        OSError: the state folder cannot be written.
    """
    # Durable: inside somebody's transaction one would sign what may yet roll back.
    with published(log) as last, transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_STATE, [log])
        size, frontier, signed = cursor.fetchone()
        tree = Range(size, [bytes(digest) for digest in frontier])
        _refuse_fork(log, tree, last, signed)
        note = _signed_note(origin_of(log), tree)
        last.write(note)
        statement = "INSERT INTO audit_checkpoint (log, size, root, note) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
        cursor.execute(statement, [log, size, tree.root(), note])
    return note


def republish(log: UUID) -> int:
    """Go on from the newest checkpoint of the database, whatever was published: for a person who has looked and decided. Returns its size.

    Raises:
        LookupError: no such log.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_NEWEST, [log])
        row = cursor.fetchone()
        if row is None:
            raise LookupError(f"There is no log {log}.")
        hospital, size, note = row
        hospitals = [] if hospital == OPERATOR else [hospital]
        record(event=Event("audit.republish", SYSTEM, hospitals, subjects={"log": log}, detail={"size": size or 0}))
    overrule(log, note)  # after the event: nobody overrules the guard without its being told
    return size or 0


def _signed_note(origin: str, tree: Range) -> str:
    root, second = tree.root(), second_key()
    note = sign(checkpoint_text(origin=origin, size=tree.size, root=root), name=origin, key=signing_key())
    return note if second is None else note + second_line(origin=origin, size=tree.size, root=root, key=second)


def _refuse_fork(log: UUID, tree: Range, last: Published, signed: int) -> None:
    # A demo's folder may be thrown away; a deployment's that is empty was lost or is not mounted, and with it goes the guard.
    if last.root is None and signed and settings.MODE == "production":
        raise ForkRefused(f"Nothing is noted of what was published of log {log}, and {signed} leaves were signed.")
    if tree.size < last.size:
        raise ForkRefused(f"Log {log} has {tree.size} leaves; {last.size} were published.")
    # Both roots from the same stored rows: then the new tree continues the published one.
    if _stored_root(log, tree.size) != tree.root():
        raise ForkRefused(f"Log {log} has other leaves than its tree was grown from.")
    if last.root is not None and _stored_root(log, last.size) != last.root:
        raise ForkRefused(f"Log {log} has another root at {last.size} leaves than was published.")


def _stored_root(log: UUID, size: int) -> bytes:
    try:
        return range_at(log, size).root()
    except ValueError as error:
        raise ForkRefused(f"Log {log}: {error}") from error
