"""Writing events.

Invariant: an event is written by the transaction of what it reports, in one SQL statement, so that neither exists without the other; a
refusal is written on its own, so that it stays when everything around it rolls back. Nothing is hashed or chained here: that would put a
lock into every request (docs/audit-log.md).
"""

import json
from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from audit.events import Event
from audit.leaves import Leaf, leaf_of

__all__ = ["Leaf", "leaf_ctes", "leaf_of", "record", "record_all", "record_refused"]


def leaf_ctes(given: str | None = None) -> str:
    """Three CTEs that write one leaf, for a statement that does its own work and the audit in one: ``f"WITH sent AS (...),
    {leaf_ctes(given='sent')} SELECT ..."``.

    They take ``leaf_of(event).parameters()`` as named parameters (all begin with ``audit_``). ``given`` names a CTE of the statement's own:
    the leaf is written when that has one row and not when it has none; it must not have more. The string is constant for a given name, so
    that it prepares well.
    """
    source = f" FROM {given}" if given else ""
    return f"""audit_event_row AS (
        INSERT INTO audit_event (leaf) SELECT %(audit_leaf)s::bytea{source} RETURNING id
    ), audit_pending_rows AS (
        INSERT INTO audit_pending (hospital, event) SELECT hospital, id FROM audit_event_row, unnest(%(audit_logs)s::uuid[]) AS hospital
    ), audit_index_row AS (
        INSERT INTO audit_index (event, at, action, outcome, agent, role, hospitals, subjects)
        SELECT id, %(audit_at)s::timestamptz, %(audit_action)s::text, %(audit_outcome)s::text, %(audit_agent)s::uuid, %(audit_role)s::uuid,
            %(audit_logs)s::uuid[], %(audit_subjects)s::uuid[]
        FROM audit_event_row
    )"""  # noqa: S608 -- the name is the caller's code, never input


_RECORD = f"WITH {leaf_ctes()} SELECT"


# A leaf's nonce makes its bytes its own, so they say which id an event was given.
_RECORD_ALL = """WITH given AS (
        SELECT g.n, g.leaf, e.* FROM unnest(%(leaves)s::bytea[], %(indexed)s::jsonb[]) WITH ORDINALITY AS g (leaf, indexed, n),
            jsonb_to_record(g.indexed) AS e
                (logs uuid[], at timestamptz, action text, outcome text, agent uuid, role uuid, subjects uuid[])
    ), audit_event_rows AS (
        INSERT INTO audit_event (leaf) SELECT leaf FROM given ORDER BY n RETURNING id, leaf
    ), written AS (
        SELECT id, given.* FROM audit_event_rows JOIN given USING (leaf)
    ), audit_pending_rows AS (
        INSERT INTO audit_pending (hospital, event) SELECT hospital, id FROM written, unnest(logs) AS hospital
    )
    INSERT INTO audit_index (event, at, action, outcome, agent, role, hospitals, subjects)
    SELECT id, at, action, outcome, agent, role, logs, subjects FROM written ORDER BY n"""


def record(*, event: Event) -> None:
    """Write ``event`` with the present transaction: committed with it, gone with it.

    Raises:
        TransactionManagementError: outside a transaction. An event that commits before its action would report what may never happen.
        ValueError, TypeError: the event does not fit a leaf (``leaf_of``).
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("audit.record() belongs inside the transaction of the action it records.")
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, leaf_of(event).parameters())


def record_all(events: Iterable[Event]) -> None:
    """``record`` for several events, in their order and in one statement; none: nothing."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("audit.record_all() belongs inside the transaction of the actions it records.")
    leaves = [leaf_of(event) for event in events]
    if leaves:
        indexed = [json.dumps(_indexed(leaf), default=str) for leaf in leaves]
        with connection.cursor() as cursor:
            cursor.execute(_RECORD_ALL, {"leaves": [leaf.content for leaf in leaves], "indexed": indexed})


def _indexed(leaf: Leaf) -> dict[str, Any]:
    return {name.removeprefix("audit_"): value for name, value in leaf.parameters().items() if name != "audit_leaf"}


def record_refused(event: Event) -> None:
    """Write a refusal or failure in a transaction of its own, which outlives the caller's. ``event.agent`` may be ``None``: nobody was
    signed in."""
    parameters = leaf_of(event).parameters()
    if not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(_RECORD, parameters)
        return
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            cursor.execute(_RECORD, parameters)
    finally:
        own.close()
