"""The three files an export may be.

Invariant: head, pages and tail say the same bytes whenever they are asked, so that a file may be made in several goes.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

from django.conf import settings

from audit.exports import bundle, fhir, table
from audit.exports.rows import Row
from audit.exports.wanted import Wanted
from audit.models import Export


class Format(Protocol):
    """``shows_withheld``: whether rows that were not asked for have to show."""

    content_type: str
    suffix: str
    shows_withheld: bool

    def head(self) -> Iterable[bytes]: ...

    def page(self, rows: list[Row]) -> bytes: ...

    def tail(self) -> Iterable[bytes]: ...


class _Bundle:
    content_type, suffix, shows_withheld = "application/x-ndjson", "wardline-audit.ndjson", True

    def __init__(self, export: Export) -> None:
        self.export = export

    def head(self) -> Iterable[bytes]:
        export, wanted = self.export, Wanted.of(self.export.wanted)
        yield bundle.head(log=export.log, hospital=export.hospital, note=export.note, wanted=wanted)
        yield from self._withheld(0, export.start)

    def page(self, rows: list[Row]) -> bytes:
        return bundle.leaves(rows)

    def tail(self) -> Iterable[bytes]:
        yield from self._withheld(self.export.end, self.export.size)
        yield bundle.end(self.export.size)

    def _withheld(self, start: int, end: int) -> Iterable[bytes]:
        cut = self.export.cut
        edges = [start, cut, end] if cut is not None and start < cut < end else [start, end]
        for left, right in pairwise(edges):
            yield from bundle.subtrees(self.export.log, left, right)


class _Events:
    """A line an event: nothing shows of what was not asked for."""

    shows_withheld = False

    def __init__(self, export: Export) -> None:
        self.zone = ZoneInfo(export.zone)
        self.place = fhir.Place(log=export.log, hospital=export.hospital, base=settings.PUBLIC_URL, zone=self.zone)

    def head(self) -> Iterable[bytes]:
        return ()

    def tail(self) -> Iterable[bytes]:
        return ()


class _Fhir(_Events):
    content_type, suffix = "application/fhir+ndjson", "AuditEvent.ndjson"

    def page(self, rows: list[Row]) -> bytes:
        return fhir.ndjson(rows, self.place)


class _Table(_Events):
    content_type, suffix = "text/csv; charset=utf-8; header=present", "csv"

    def head(self) -> Iterable[bytes]:
        return (table.head(),)

    def page(self, rows: list[Row]) -> bytes:
        return table.lines(rows, self.zone)


_FORMATS: dict[str, Callable[[Export], Format]] = {Export.Format.BUNDLE: _Bundle, Export.Format.FHIR: _Fhir, Export.Format.CSV: _Table}


def format_of(export: Export) -> Format:
    return _FORMATS[export.format](export)
