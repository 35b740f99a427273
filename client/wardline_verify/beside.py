"""A FHIR or CSV export of the same log, held against the signed bundle line by line.

Invariant: a line counts only if its place and hash are a leaf of the bundle and it says of time, action, outcome and person what that leaf
says; both files are read once, in step, in the memory of a line each.
"""

import csv
import io
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wardline_verify.notes import Unusable

OUTCOMES = {"0": "success", "4": "refused", "8": "failed"}
# Where the CSV has put a mark, so that no spreadsheet runs it (docs/audit-log.md).
_marks = re.compile(
    r'((?:^|[;\t\r\n])[\s"\x00-\x1f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*)'
    r"(?=[=+\-@\u2212\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b])"
)


@dataclass(frozen=True)
class Line:
    """What an export says of the leaf at ``place``. ``name`` is ``None`` where it says none; ``is_marked``: as the CSV spells it."""

    place: int
    digest: bytes
    at: datetime
    action: str
    outcome: str
    person: str | None
    name: str | None
    is_marked: bool = False

    def is_of(self, event: dict[str, Any], opening: str | None) -> bool:
        """Whether the leaf says the same; ``opening``: the agent's value, as far as it is there."""
        try:
            said = (datetime.fromisoformat(event["at"]), event["action"], event["outcome"], event["agent"]["person"])
            known = json.loads(opening) if opening is not None else {}
            names = [known.get("name") or None, " ".join(filter(None, (known.get("title"), known.get("name")))) or None]
            names = [_marks.sub(r"\1'", name) if self.is_marked and name else name for name in names]
            return said == (self.at, self.action, self.outcome, self.person) and self.name in (None, *names)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            return False


class Beside:
    """The other file, read in step with the bundle."""

    def __init__(self, file: Iterable[bytes], find: Callable[[str, object], None]) -> None:
        self._lines, self._find = lines(file), find
        self._next = next(self._lines, None)
        self._last = -1
        self.count = 0

    def leaf(self, place: int, digest: bytes, event: dict[str, Any] | None = None, opening: str | None = None) -> None:
        """The bundle shows this leaf; without ``event`` its hash alone, which proves that there is such a leaf and not what it says."""
        while (line := self._next) is not None and line.place <= place:
            self._next = next(self._lines, None)
            is_again, self._last = line.place <= self._last, line.place
            if is_again or line.place != place or line.digest != digest or (event is not None and not line.is_of(event, opening)):
                self._find("other_line", line.place)
            elif event is None:
                self._find("unproved_line", line.place)
            else:
                self.count += 1

    def stretch(self, end: int) -> None:
        """The bundle shows nothing of the leaves before ``end``."""
        while (line := self._next) is not None and line.place < end:
            self._next = next(self._lines, None)
            self._find("unproved_line", line.place)

    def close(self) -> None:
        while (line := self._next) is not None:
            self._next = next(self._lines, None)
            self._find("other_line", line.place)


def lines(file: Iterable[bytes]) -> Iterator[Line]:
    """Raises: Unusable: ``bad_events``: neither AuditEvents nor our CSV."""
    parts = iter(file)
    first = next(parts, b"")
    read = _resources if first.startswith(b"{") else _rows
    try:
        yield from read(_again(first, parts))
    except (LookupError, TypeError, ValueError, ArithmeticError, StopIteration, RecursionError, AttributeError, csv.Error) as error:
        raise Unusable("bad_events", type(error).__name__) from None


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _resources(file: Iterator[bytes]) -> Iterator[Line]:
    for text in file:
        event = json.loads(text)
        leaf = event["entity"][-1]
        detail = {each["type"]: each for each in leaf["detail"]}
        user = next((agent for agent in event["agent"] if agent["requestor"] and "network" not in agent), None)
        yield Line(
            place=int(leaf["what"]["identifier"]["value"]),
            digest=b64decode(detail["leaf-hash"]["valueBase64Binary"], validate=True),
            at=datetime.fromisoformat(event["recorded"]),
            action=detail["action"]["valueString"],
            outcome=OUTCOMES[event["outcome"]],
            person=user["who"]["identifier"]["value"].removeprefix("urn:uuid:") if user else None,
            name=user.get("name") if user else None,
        )


def _rows(file: Iterator[bytes]) -> Iterator[Line]:
    # A quoted cell may hold a line's end: the reader asks for the next line by itself.
    rows = csv.DictReader(io.TextIOWrapper(io.BufferedReader(_Raw(file)), encoding="utf-8", newline=""))
    if not {"index", "leaf_hash"} <= set(rows.fieldnames or ["index", "leaf_hash"]):
        raise ValueError
    for row in rows:
        yield Line(
            place=int(row["index"]),
            digest=bytes.fromhex(row["leaf_hash"]),
            at=datetime.fromisoformat(row["recorded"]),
            action=row["action"],
            outcome=row["outcome"],
            person=row["person"] or None,
            name=row["name"] or None,
            is_marked=True,
        )


class _Raw(io.RawIOBase):
    """The lines as a stream again."""

    def __init__(self, file: Iterator[bytes]) -> None:
        self._file, self._left = file, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or next(self._file, b"")
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size
