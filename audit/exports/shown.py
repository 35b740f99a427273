"""Rows as a screen shows them.

Invariant: newest or oldest first by their place in the log, a page at a time, at the same two queries whatever is asked.
"""

import json
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from audit.exports.rows import Row, with_openings
from audit.exports.wanted import Wanted


class Cut(NamedTuple):
    """Where a page lies: beyond ``beyond`` (a place, itself out), ``limit`` rows, oldest first where ``is_ascending``."""

    beyond: int | None = None
    limit: int = 50
    is_ascending: bool = False


def page_of(log: UUID, wanted: Wanted, cut: Cut) -> tuple[list[Row], bool]:
    """The rows, and whether more follow."""
    matches, parameters = wanted.condition()
    order, beyond = ("ASC", ">") if cut.is_ascending else ("DESC", "<")
    place = f"AND leaf_index {beyond} %(beyond)s" if cut.beyond is not None else ""
    query = f"""
        SELECT leaf_index, leaf, leaf_hash
        FROM audit_leaf JOIN audit_index ON audit_index.event = audit_leaf.event JOIN audit_event ON audit_event.id = audit_leaf.event
        WHERE log = %(log)s AND {matches} {place}
        ORDER BY leaf_index {order} LIMIT %(limit)s"""  # noqa: S608 -- put together from constants
    with connection.cursor() as cursor:
        cursor.execute(query, {"log": log, "beyond": cut.beyond, "limit": cut.limit + 1, **parameters})
        found = [(index, bytes(content), bytes(digest)) for index, content, digest in cursor.fetchall()]
    return with_openings(found[: cut.limit]), len(found) > cut.limit


def shown(row: Row) -> dict[str, Any]:
    """An event in plain values, with who it was as long as that is not erased."""
    event: dict[str, Any] = json.loads(row.content or b"")
    known = json.loads(row.openings["agent"].value) if "agent" in row.openings else {}
    to = json.loads(row.openings["recipients"].value) if "recipients" in row.openings else []
    agent = event["agent"] | {name: known.get(name, "") for name in ("name", "title")}
    kept = {name: event[name] for name in ("at", "action", "outcome", "hospitals", "subjects", "detail", "digest")}
    is_erased = "agent" in event.get("commitments", {}) and not known
    return {"place": row.place, **kept, "agent": agent | {"is_erased": is_erased}, "to": to, "leaf_hash": row.digest.hex()}
