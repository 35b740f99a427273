"""A hospital's whole log in one file that ``wardline-verify`` judges without us.

Invariant: the file says what is stored, byte for byte, up to its checkpoint, and says when it is at its end; what is missing in the
database is missing in the file. Format ``wardline-audit/1``, one JSON object a line: head, one line a leaf, end (docs/audit-log.md).
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from django.db import connection

from audit.checkpoints import origin_of, verifier_keys
from audit.models import Checkpoint, Log

FORMAT = "wardline-audit/1"
PAGE = 500


def bundle(log: Log, checkpoint: Checkpoint) -> Iterator[bytes]:
    """The file in pieces of a few hundred leaves, so that a log of any length passes through little memory."""
    key = verifier_keys([log.id])[log.id]
    yield _line(
        {
            "format": FORMAT,
            "log": str(log.id),
            "hospital": str(log.hospital),
            "origin": origin_of(log.id),
            "key": key,
            "checkpoint": checkpoint.note,
        }
    )
    written = 0
    for start in range(0, checkpoint.size, PAGE):
        rows = _rows(log, start, min(start + PAGE, checkpoint.size))
        written += len(rows)
        yield b"".join(_line({"index": index, "leaf": b64encode(leaf).decode()}) for index, leaf in rows)
    yield _line({"end": written})


def _rows(log: Log, start: int, end: int) -> list[tuple[int, bytes]]:
    with connection.cursor() as cursor:
        query = """
            SELECT leaf_index, leaf FROM audit_leaf JOIN audit_event ON audit_event.id = audit_leaf.event
            WHERE log = %s AND leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index"""
        cursor.execute(query, [log.id, start, end])
        return list(cursor.fetchall())


def _line(members: dict[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
