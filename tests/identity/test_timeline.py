"""From a roster to turns: both clock changes of the year; and for any roster turns never overlap and leave no gap they were not given."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.timeline import Gap, Pattern, Span, Taken, after, at, end_of_taken, gaps, instant, occurrences, overlay

BERLIN, TOKYO, APIA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo"), ZoneInfo("Pacific/Apia")
DAYS, NIGHTS, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)
ALL = frozenset(range(1, 8))
MONDAY = date(2026, 10, 19)


def shifts(begins: time, ends: time, person: UUID = DAYS, **changes) -> Pattern:
    return Pattern(**{"person": person, "weekdays": ALL, "begins": begins, "ends": ends, "first": date(2026, 1, 1), **changes})


DAY, NIGHT = shifts(time(7), time(19)), shifts(time(19), time(7), NIGHTS)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def wall(*parts: int) -> datetime:
    """What the clock on the wall shows."""
    return datetime(*parts)  # noqa: DTZ001 -- that is the point


def tiled(zone: ZoneInfo, since: datetime, until: datetime, *patterns: Pattern) -> list[Span]:
    return sorted((span for pattern in patterns for span in occurrences(pattern, zone, since, until)), key=lambda span: span.start)


@pytest.mark.parametrize(
    ("zone", "evening", "hours"),
    [
        (BERLIN, utc(2026, 10, 24, 17), 13),  # back to winter time
        (BERLIN, utc(2026, 10, 25, 18), 12),
        (BERLIN, utc(2027, 3, 27, 18), 11),  # on to summer time
        (BERLIN, utc(2027, 3, 28, 17), 12),
        (TOKYO, utc(2026, 10, 24, 10), 12),  # no such thing
        (TOKYO, utc(2027, 3, 27, 10), 12),
    ],
)
def test_the_night_ends_when_the_clock_on_the_wall_shows_seven(zone, evening, hours):
    spans = tiled(zone, evening, evening + timedelta(days=2), DAY, NIGHT)

    night = next(span for span in spans if span.start == evening)

    assert (night.person, night.end - night.start) == (NIGHTS, timedelta(hours=hours))
    assert night.end.astimezone(zone).time() == time(7)
    assert all(former.end == later.start for former, later in pairwise(spans))


def test_a_time_that_comes_twice_is_its_first_and_one_that_is_skipped_is_the_change():
    assert instant(wall(2026, 10, 25, 2, 30), BERLIN) == utc(2026, 10, 25, 0, 30)
    assert instant(wall(2027, 3, 28, 2, 30), BERLIN) == utc(2027, 3, 28, 1)
    assert instant(wall(2027, 3, 28, 2), BERLIN) == instant(wall(2027, 3, 28, 3), BERLIN) == utc(2027, 3, 28, 1)


def test_a_shift_that_lies_in_the_skipped_hour_is_none():
    assert list(occurrences(shifts(time(2), time(3)), BERLIN, utc(2027, 3, 28), utc(2027, 3, 28, 12))) == []


def test_every_other_week_on_some_days_until_a_day():
    pattern = shifts(time(7), time(19), weekdays=frozenset({1, 3}), first=date(2026, 10, 21), last=date(2026, 11, 16), every=2)

    days = [span.start.date() for span in occurrences(pattern, BERLIN, utc(2026, 1, 1), utc(2027, 1, 1))]

    assert days == [date(2026, 10, 21), date(2026, 11, 2), date(2026, 11, 4), date(2026, 11, 16)]


def test_a_shift_of_a_day_lasts_till_the_same_time_tomorrow():
    (span, *_) = occurrences(shifts(time(8), time(8)), BERLIN, utc(2026, 10, 24, 7), utc(2026, 10, 24, 12))

    assert span.end - span.start == timedelta(hours=25)


@given(
    zone=st.sampled_from(
        [BERLIN, TOKYO, APIA, ZoneInfo("America/St_Johns"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Africa/Casablanca")]
    ),
    change=st.lists(st.times().map(lambda each: each.replace(microsecond=0)), min_size=2, max_size=5, unique=True),
    since=st.datetimes(wall(2020, 1, 1), wall(2030, 1, 1), timezones=st.just(UTC)),
)
def test_patterns_that_follow_each_other_on_the_wall_tile_the_time(zone, change, since):
    """Wherever the clocks change, and at whatever time the shifts do."""
    change.sort()
    patterns = [shifts(begins, ends, first=date(2019, 1, 1)) for begins, ends in zip(change, [*change[1:], change[0]], strict=True)]

    spans = tiled(zone, since, since + timedelta(days=9), *patterns)

    assert spans[0].start <= since
    assert spans[-1].end >= since + timedelta(days=9)
    assert all(former.end == later.start for former, later in pairwise(spans))


NOON = utc(2026, 11, 29, 12)
hours = st.integers(-200, 200).map(lambda count: NOON + timedelta(minutes=30 * count))
people = st.sampled_from([DAYS, NIGHTS, THIRD])


@st.composite
def spans(draw) -> Span:
    start = draw(hours)
    return Span(draw(people), start, start + timedelta(minutes=30 * draw(st.integers(1, 60))))


def apart(drawn: list[Span]) -> list[Span]:
    return overlay(drawn, [])


def free_of_overlaps(plan: list[Span]) -> bool:
    return all(former.end <= later.start for former, later in pairwise(plan)) and all(s.start < s.end for s in plan)


@given(st.lists(spans(), max_size=12), st.lists(spans(), max_size=6).map(apart), hours)
def test_of_two_layers_the_upper_counts_and_nobody_is_planned_twice(below, above, moment):
    plan = overlay(below, above)

    assert free_of_overlaps(plan)
    assert set(above) <= set(plan)
    found = at(plan, moment)
    upper, lower = ([span for span in layer if span.start <= moment < span.end] for layer in (above, below))
    assert (found is not None) == bool(upper or lower)
    assert not upper or found == upper[0]
    assert not found or any(found.person == span.person for span in upper or lower)


@given(st.lists(spans(), max_size=12).map(apart), hours, st.none() | hours)
def test_after_a_taking_the_roster_goes_on_without_overlap_and_without_a_hole(plan, start, until):
    end = end_of_taken(Taken(start, until), plan)
    rest = after(plan, end)

    assert free_of_overlaps(rest)
    assert end is None or end >= max(start, until or start)
    # Whoever took it has it until somebody planned has it.
    assert (rest[0].start if rest else None) == end


def planned(*spans: tuple[UUID, int, int]) -> list[Span]:
    return [Span(person, NOON + timedelta(hours=begins), NOON + timedelta(hours=ends)) for person, begins, ends in spans]


def hour(count: int) -> datetime:
    return NOON + timedelta(hours=count)


@pytest.mark.parametrize(
    ("until", "end"),
    [
        (None, 7),  # the rest of the running shift
        (2, 2),  # a cover of two hours; then the running shift goes on
        (9, 9),  # into the next shift
        (20, 24),  # nobody is planned then: until somebody is
        (40, None),
    ],
)
def test_when_a_turn_that_was_taken_ends(until, end):
    plan = planned((NIGHTS, -5, 7), (DAYS, 7, 19), (NIGHTS, 24, 31))

    found = end_of_taken(Taken(NOON, None if until is None else hour(until)), plan)

    assert found == (None if end is None else hour(end))


def test_gaps_lie_between_turns_and_after_the_last():
    turns = [(hour(-5), hour(7)), (hour(8), hour(19))]

    assert gaps(turns, NOON, hour(24)) == [Gap(hour(7), hour(8)), Gap(hour(19), None)]
    assert gaps(turns, NOON, hour(7)) == []
    assert gaps([*turns, (hour(19), None)], NOON, hour(24)) == [Gap(hour(7), hour(8))]
    assert gaps([], NOON, hour(1)) == [Gap(NOON, None)]
