"""The signed bundle that ``wardline-verify`` judges without us.

Invariant: the file says what is stored, byte for byte, up to its checkpoint, and says when it is at its end; what is missing in the
database is missing in the file. What was not asked for is there as a hash: leaf by leaf inside of the time asked for, by the largest
subtrees outside of it, so that an omission shows. Format ``wardline-audit/1``, one JSON object a line (docs/audit-log.md).
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from audit.checkpoints import origin_of, verifier_keys
from audit.exports.rows import PAGE, Row, page
from audit.exports.wanted import Wanted
from audit.tree import subtree

FORMAT = "wardline-audit/1"


def head(*, log: UUID, hospital: UUID, note: str, wanted: Wanted) -> bytes:
    about = {"format": FORMAT, "log": str(log), "hospital": str(hospital), "origin": origin_of(log), "key": verifier_keys([log])[log]}
    filtered = {} if wanted.is_everything() else {"filter": wanted.plain()}
    return line({**about, "checkpoint": note, **filtered})


def leaves(rows: list[Row]) -> bytes:
    return b"".join(map(_leaf, rows))


def subtrees(log: UUID, start: int, end: int) -> Iterator[bytes]:
    """Lines for the leaves ``start`` to ``end - 1`` that show nothing of them but that they are there; one query each."""
    while start < end:
        height = min(_alignment(start), (end - start).bit_length() - 1)
        digest = subtree(log, height, start >> height)
        yield line({"index": start, "height": height, "hash": b64encode(digest).decode()})
        start += 1 << height


def end(size: int) -> bytes:
    return line({"end": size})


def whole(*, log: UUID, hospital: UUID, note: str, size: int) -> Iterator[bytes]:
    """The bundle of a whole log, in pieces of a page."""
    yield head(log=log, hospital=hospital, note=note, wanted=Wanted())
    written = 0
    for start in range(0, size, PAGE):
        rows = page(log, start, min(start + PAGE, size), Wanted(), with_others=True)
        written += len(rows)
        yield leaves(rows)
    yield end(written)


def line(members: dict[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _leaf(row: Row) -> bytes:
    if row.content is None:
        return b'{"index":%d,"hash":"%s"}\n' % (row.place, b64encode(row.digest))
    if not row.openings:
        return b'{"index":%d,"leaf":"%s"}\n' % (row.place, b64encode(row.content))
    openings = {field: {"salt": b64encode(each.salt).decode(), "value": each.value} for field, each in row.openings.items()}
    return line({"index": row.place, "leaf": b64encode(row.content).decode(), "openings": openings})


def _alignment(index: int) -> int:
    """The height of the largest full subtree that may begin at ``index``."""
    return (index & -index).bit_length() - 1 if index else 63
