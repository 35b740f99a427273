"""Reading a roster as other software writes it: CSV from a spreadsheet, or lines of JSON.

Invariant: a line is read whole or its error is told by the line's number and a code, never by what it says: names do not get into error
texts. Pure: who and what there is comes in as dictionaries.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from identity.timeline import instant

LINES_AT_MOST: Final = 2000
LONGEST: Final = timedelta(days=7)
# What spreadsheets in German and English write above the columns; in this order where there is no such line.
COLUMNS: Final = {
    "role": ("role", "duty", "rolle", "dienst"),
    "person": ("person", "name", "mitarbeiter"),
    "since": ("from", "since", "start", "von", "beginn"),
    "until": ("until", "to", "end", "bis", "ende"),
}
FORMATS: Final = ("%d.%m.%Y %H:%M", "%d.%m.%Y, %H:%M", "%d.%m.%y %H:%M", "%d.%m.%Y %H:%M:%S")


class Line(NamedTuple):
    """As written."""

    number: int
    cells: Mapping[str, str]


class Known(NamedTuple):
    """Whom and what lines may name. A name that two have is ``None``."""

    roles: Mapping[str, UUID]
    people: Mapping[str, UUID | None]
    eligible: Mapping[UUID, set[UUID]]
    zone: ZoneInfo


class Read(NamedTuple):
    number: int
    role: UUID
    person: UUID
    start: datetime
    end: datetime


class LineError(NamedTuple):
    """``code``: ``roster.line_columns _role _person _ambiguous _not_eligible _time _shift _outside _overlap``."""

    line: int
    code: str


class Unreadable(Exception):
    """The code of what is wrong with a line."""


def folded(name: str) -> str:
    """Names are compared without regard to case and spaces."""
    return " ".join(name.split()).casefold()


def lines_of_csv(text: str) -> Iterator[Line]:
    """Lines of a file with or without a heading and a byte-order mark, separated by ``;``, ``,`` or tabs; empty ones left out."""
    rows = text.removeprefix("\ufeff").splitlines()
    first = rows[0] if rows else ""
    separator = next((each for each in (";", "\t", ",") if each in first), ",")
    reader, names = csv.reader(rows, delimiter=separator), list(COLUMNS)
    for number, row in enumerate(reader, start=1):
        heading = _heading(row) if number == 1 else None
        if heading:
            names = heading
        elif any(cell.strip() for cell in row):
            yield Line(number, dict(zip(names, (cell.strip() for cell in row), strict=False)))


def _heading(row: Sequence[str]) -> list[str] | None:
    meanings = {word: column for column, words in COLUMNS.items() for word in words}
    names = [meanings.get(folded(cell), "") for cell in row]
    return names if set(COLUMNS) <= set(names) else None


def read_lines(lines: Iterable[Line], known: Known, since: datetime, until: datetime) -> tuple[list[Read], list[LineError]]:
    """What the lines say, and what is wrong with which. A line must begin from ``since`` to before ``until``."""
    read: list[Read] = []
    errors: list[LineError] = []
    for line in lines:
        try:
            one = _read(line, known)
            if not since <= one.start < until:
                raise Unreadable("roster.line_outside")
            read.append(one)
        except Unreadable as error:
            errors.append(LineError(line.number, str(error)))
    return read, sorted([*errors, *_overlaps(read)])


def _read(line: Line, known: Known) -> Read:
    if not all(line.cells.get(column) for column in COLUMNS):
        raise Unreadable("roster.line_columns")
    role = known.roles.get(folded(line.cells["role"]))
    if role is None:
        raise Unreadable("roster.line_role")
    name = folded(line.cells["person"])
    person = known.people.get(name)
    if person is None:
        raise Unreadable("roster.line_ambiguous" if name in known.people else "roster.line_person")
    if person not in known.eligible.get(role, set()):
        raise Unreadable("roster.line_not_eligible")
    start, end = (read_time(line.cells[column], known.zone) for column in ("since", "until"))
    if not timedelta() < end - start <= LONGEST:
        raise Unreadable("roster.line_shift")
    return Read(line.number, role, person, start, end)


def read_time(text: str, zone: ZoneInfo) -> datetime:
    """ISO 8601, or as Germans write it; without an offset the hospital's own time. Raises: Unreadable: ``roster.line_time``."""
    found = _parse(text)
    return instant(found, zone) if found.tzinfo is None else found


def _parse(text: str) -> datetime:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 -- local time; ``instant`` gives it its place
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable("roster.line_time") from None


def _overlaps(read: Sequence[Read]) -> Iterator[LineError]:
    """The later of two lines that have one role at one time."""
    ordered = sorted(read, key=lambda line: (line.role.int, line.start, line.number))
    latest: Read | None = None
    for line in ordered:
        if latest is not None and latest.role == line.role and latest.end > line.start:
            yield LineError(line.number, "roster.line_overlap")
        if latest is None or latest.role != line.role or line.end > latest.end:
            latest = line
