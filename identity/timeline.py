"""From a roster to turns: who holds a role when, as a function of what is written down.

Invariant: what comes out never overlaps, and where the roster names somebody there is no gap beside it. Patterns are written in the
hospital's own time: a shift from 19:00 to 07:00 ends when the clock on the wall shows 07:00, so it lasts 11 or 13 hours in the nights of
the clock changes. Pure: no Django, no clock of its own.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

DAY: Final = timedelta(days=1)
SECOND: Final = timedelta(seconds=1)


class Pattern(NamedTuple):
    """A shift that comes back (RFC 5545: FREQ=WEEKLY, INTERVAL, BYDAY, UNTIL), in local time.

    ``weekdays``: 1 is Monday, of the day on which a shift begins. One that ends no later than it begins ends on the next day. ``every``: in
    weeks, counted from the week of ``first``; the last shift begins on ``last`` at the latest.
    """

    person: UUID
    weekdays: frozenset[int]
    begins: time
    ends: time
    first: date
    last: date | None = None
    every: int = 1
    by: UUID | None = None  # who wrote it


class Span(NamedTuple):
    """Somebody planned, from ``start`` to before ``end``."""

    person: UUID
    start: datetime
    end: datetime
    by: UUID | None = None


class Taken(NamedTuple):
    """A turn that somebody took, or was given, by hand."""

    start: datetime
    until: datetime | None


class Gap(NamedTuple):
    """Nobody. ``end`` is ``None`` where nothing is known to follow."""

    start: datetime
    end: datetime | None


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the clocks of ``zone`` show ``local`` (naive); never earlier for a later ``local``.

    A time that comes twice is its first (RFC 5545, 3.3.5). One that is skipped is the moment of the change: RFC 5545 would read 02:30 as
    03:30, later than 03:00, and the shifts before and after a change at that hour would overlap.
    """
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    return _change_between(local.replace(tzinfo=zone, fold=1).astimezone(UTC), first, zone)


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    offset = before.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // 2
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == offset else (before, middle)
    return after.replace(microsecond=0)


def occurrences(pattern: Pattern, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[Span]:
    """The pattern's shifts that touch the time from ``since`` to before ``until``, in order."""
    monday = pattern.first - timedelta(days=pattern.first.isoweekday() - 1)
    # A shift may have begun up to a day before ``since``; another day for zones ahead of UTC.
    day = max(pattern.first, since.date() - 2 * DAY)
    last = min(pattern.last or date.max, until.date() + DAY)
    while day <= last:
        if day.isoweekday() in pattern.weekdays and (day - monday).days // 7 % pattern.every == 0:
            span = _occurrence(pattern, zone, day)
            if span.start < until and span.end > since and span.start < span.end:
                yield span
        day += DAY


def _occurrence(pattern: Pattern, zone: ZoneInfo, day: date) -> Span:
    end = day + DAY if pattern.ends <= pattern.begins else day
    start, stop = datetime.combine(day, pattern.begins), datetime.combine(end, pattern.ends)
    return Span(pattern.person, instant(start, zone), instant(stop, zone), pattern.by)


def overlay(below: Iterable[Span], above: Iterable[Span]) -> list[Span]:
    """``above`` as it is; of ``below`` what it leaves free, of two of them the earlier first. ``above`` does not overlap itself."""
    laid = sorted(above, key=lambda span: span.start)
    for span in sorted(below, key=lambda span: (span.start, span.end)):
        laid += _free_parts(span, laid)
        laid.sort(key=lambda each: each.start)
    return laid


def _free_parts(span: Span, laid: Sequence[Span]) -> Iterator[Span]:
    start = span.start
    for other in laid:
        if other.end <= start or other.start >= span.end:
            continue
        if start < other.start:
            yield span._replace(start=start, end=other.start)
        start = max(start, other.end)
    if start < span.end:
        yield span._replace(start=start)


def end_of_taken(taken: Taken, plan: Sequence[Span]) -> datetime | None:
    """When the roster goes on after somebody took the role by hand; ``None``: no time is known.

    Without ``until`` at the first shift that begins after the taking: whoever took it does the rest of the running one. With ``until``
    then, or, should nobody be planned at that time, at the first shift after it: no role is left without a holder because somebody guessed.
    """
    if taken.until is None:
        return next((span.start for span in plan if span.start > taken.start), None)
    until = max(taken.until, taken.start)
    return next((max(span.start, until) for span in plan if span.end > until), None)


def after(plan: Sequence[Span], start: datetime | None) -> list[Span]:
    """What of the plan lies at or after ``start``; nothing where that is ``None``."""
    if start is None:
        return []
    return [span._replace(start=max(span.start, start)) for span in plan if span.end > start]


def at(plan: Sequence[Span], now: datetime) -> Span | None:
    """Who is planned at ``now``."""
    place = bisect_right(plan, now, key=lambda span: span.start) - 1
    return plan[place] if place >= 0 and plan[place].end > now else None


def gaps(turns: Iterable[tuple[datetime, datetime | None]], since: datetime, until: datetime) -> list[Gap]:
    """When nobody has a turn, from ``since`` to before ``until``. ``turns``: beginnings and ends, in order."""
    found, free_from = [], since
    for start, end in turns:
        if start >= until:
            break
        if start > free_from:
            found.append(Gap(free_from, start))
        if end is None:
            return found
        free_from = max(free_from, end)
    return [*found, Gap(free_from, None)] if free_from < until else found
