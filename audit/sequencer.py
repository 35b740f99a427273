"""Give recorded events their places in the logs.

Invariant: one transaction takes events off the queue, writes their leaves with the next contiguous indexes and moves the tree; either all
of it is there or none. Many may try, one works on a log at a time. There is no cursor over ids: an event that commits late is still in the
queue when it does, and a gap in the ids means nothing.
"""

import logging
from collections.abc import Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from audit.merkle import Range, leaf_hash

BATCH = 1024
TILE_HEIGHT = 8  # a node is kept for every full subtree of 256**level leaves
logger = logging.getLogger(__name__)


class MissingEvent(Exception):
    """A queued event is not in the event table: somebody has removed it. The log stops rather than going on without it."""


# Transaction-level: a pooler may hand the session, and with it a session-level lock, to somebody else.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('wardline.audit.' || %s::text, 0))"
_CREATE = "INSERT INTO audit_log (hospital) VALUES (%s) ON CONFLICT DO NOTHING"
_TREE = "SELECT id, size, frontier FROM audit_log WHERE hospital = %s FOR UPDATE"
_TAKE = """
    WITH taken AS (
        DELETE FROM audit_pending WHERE hospital = %(hospital)s AND event = ANY (ARRAY(
            SELECT event FROM audit_pending WHERE hospital = %(hospital)s ORDER BY event LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
        RETURNING event)
    SELECT taken.event, audit_event.leaf FROM taken LEFT JOIN audit_event ON audit_event.id = taken.event ORDER BY taken.event"""
_LEAVES = """
    INSERT INTO audit_leaf (log, leaf_index, event, leaf_hash)
    SELECT %s, %s + place - 1, event, leaf_hash FROM unnest(%s::bigint[], %s::bytea[]) WITH ORDINALITY AS new (event, leaf_hash, place)"""
_NODES = """
    INSERT INTO audit_node (log, level, node_index, node_hash)
    SELECT %s, level, node_index, node_hash FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[]) AS new (level, node_index, node_hash)"""
_GROW = "UPDATE audit_log SET size = %s, frontier = %s::bytea[] WHERE id = %s"


def integrate_all(*, batch: int = BATCH) -> int:
    """Sequence everything that is committed and waiting, in every log; returns how many leaves were written.

    A log that another sequencer is working on is left to it.

    Raises:
        MissingEvent: in at least one log; the others are done all the same.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT hospital FROM audit_pending")
        waiting = [hospital for (hospital,) in cursor.fetchall()]
    written, missing = 0, None
    for hospital in waiting:
        try:
            while done := integrate(hospital, batch=batch):
                written += done
        except MissingEvent as error:
            logger.critical("audit.event_missing", extra={"hospital": str(hospital)})
            missing = error
    if missing:
        raise missing
    return written


def integrate(hospital: UUID, *, batch: int = BATCH) -> int:
    """Sequence up to ``batch`` waiting events of one log (``audit.leaves.OPERATOR``: the operator's), which is created when it is new.

    Returns 0 when there is nothing to do or somebody else is doing it.

    Raises:
        MissingEvent: nothing was changed.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_LOCK, [hospital])
        if not cursor.fetchone()[0]:
            return 0
        log, tree = _tree_of(cursor, hospital)
        cursor.execute(_TAKE, {"hospital": hospital, "batch": batch})
        rows = cursor.fetchall()
        if rows:
            _append(cursor, log, tree, rows)
        return len(rows)


def _tree_of(cursor: CursorWrapper, hospital: UUID) -> tuple[UUID, Range]:
    cursor.execute(_TREE, [hospital])
    row = cursor.fetchone()
    if row is None:
        cursor.execute(_CREATE, [hospital])
        cursor.execute(_TREE, [hospital])
        row = cursor.fetchone()
    log, size, frontier = row
    return log, Range(size, [bytes(digest) for digest in frontier])


def _append(cursor: CursorWrapper, log: UUID, tree: Range, rows: Sequence[tuple[int, bytes | None]]) -> None:
    start, digests, nodes = tree.size, [], []
    for event, content in rows:
        if content is None:
            raise MissingEvent(event)
        digest = leaf_hash(content)
        digests.append(digest)
        for height, index, node in tree.append(digest):
            if height % TILE_HEIGHT == 0:
                nodes.append((height // TILE_HEIGHT, index, node))
    cursor.execute(_LEAVES, [log, start, [event for event, _ in rows], digests])
    if nodes:
        cursor.execute(_NODES, [log, *map(list, zip(*nodes, strict=True))])
    cursor.execute(_GROW, [tree.size, tree.frontier, log])
