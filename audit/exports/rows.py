"""Leaves of a log, a page at a time.

Invariant: a page is a range of leaf indexes, so that whoever stopped half-way goes on at the next index, and memory holds one page.
"""

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from audit.exports.wanted import Wanted
from audit.openings import Opening, openings_of

PAGE = 500


class Row(NamedTuple):
    """``content`` is ``None`` for what was not asked for."""

    place: int
    content: bytes | None
    digest: bytes
    openings: dict[str, Opening]


def page(log: UUID, start: int, end: int, wanted: Wanted, *, with_others: bool) -> list[Row]:
    """Leaves ``start`` to ``end - 1``: those ``wanted`` with their openings and, ``with_others``, the hashes of the rest. At most two
    queries."""
    matches, parameters = wanted.condition()
    index = "" if wanted.is_everything() else "LEFT JOIN audit_index ON audit_index.event = audit_leaf.event"
    query = f"""
        SELECT leaf_index, CASE WHEN {matches} THEN leaf END, leaf_hash
        FROM audit_leaf JOIN audit_event ON audit_event.id = audit_leaf.event {index}
        WHERE log = %(log)s AND leaf_index >= %(start)s AND leaf_index < %(end)s {"" if with_others else f"AND {matches}"}
        ORDER BY leaf_index"""  # noqa: S608 -- put together from constants
    with connection.cursor() as cursor:
        cursor.execute(query, {"log": log, "start": start, "end": end, **parameters})
        found = [(place, content and bytes(content), bytes(digest)) for place, content, digest in cursor.fetchall()]
    return with_openings(found)


def with_openings(found: Sequence[tuple[int, bytes | None, bytes]]) -> list[Row]:
    """``(place, content, digest)`` with what of the personal values is still there. At most one query."""
    committed = {place: _commitments(content) for place, content, _ in found if content is not None}
    known = openings_of({commitment for each in committed.values() for commitment in each.values()})
    return [Row(place, content, digest, _opened(committed.get(place, {}), known)) for place, content, digest in found]


def window(log: UUID, size: int, wanted: Wanted) -> tuple[int, int]:
    """The smallest range of indexes below ``size`` that holds everything recorded from ``since`` until ``until``; by the writers'
    clocks."""
    if wanted.since is None and wanted.until is None:
        return 0, size
    matches, parameters = Wanted(since=wanted.since, until=wanted.until).condition()
    query = f"""
        SELECT min(leaf_index), max(leaf_index) + 1 FROM audit_leaf JOIN audit_index ON audit_index.event = audit_leaf.event
        WHERE log = %(log)s AND leaf_index < %(size)s AND {matches}"""  # noqa: S608 -- put together from constants
    with connection.cursor() as cursor:
        cursor.execute(query, {"log": log, "size": size, **parameters})
        start, end = cursor.fetchone()
    return (size, size) if start is None else (start, end)


def _commitments(content: bytes) -> dict[str, bytes]:
    if b'"commitments":{' not in content:
        return {}
    event: dict[str, Any] = json.loads(content)
    return {field: b64decode(text) for field, text in event.get("commitments", {}).items()}


def _opened(committed: dict[str, bytes], known: dict[bytes, Opening]) -> dict[str, Opening]:
    return {field: known[commitment] for field, commitment in committed.items() if commitment in known}
