"""The turns of a role, laid out from its roster and from what people took by hand. The only writer of turns.

Invariant: under the role's lock, at one moment read after it: what has begun is cut and kept, what is to come is what the roster says now,
as far as those planned are eligible. Laid out again, it is the same. A turn that somebody took counts before the roster until the roster
goes on (``identity.timeline.end_of_taken``).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from identity import timeline
from identity.models import Duty, DutyRole, RoleSeal, Shift, ShiftPattern
from identity.timeline import Span, Taken

# So far turns are written ahead: with the worker down for less, every change of shift still happens.
AHEAD: Final = timedelta(days=14)


def running_at(turns: QuerySet[Duty], now: datetime) -> QuerySet[Duty]:
    return turns.filter(Q(ended_at=None) | Q(ended_at__gt=now), started_at__lte=now)


def running(role: DutyRole, now: datetime) -> Duty | None:
    return running_at(Duty.objects.filter(role=role), now).first()


def begin(role: DutyRole, person_id: UUID, until: datetime | None, now: datetime) -> Duty:
    """Somebody has the role from now by hand; the roster goes on after it. Its seals are locked before its turns, here as everywhere."""
    _eligible(role)
    Duty.objects.filter(role=role, started_at__gt=now).delete()
    running_at(Duty.objects.filter(role=role), now).update(ended_at=now, is_end_untold=False)
    turn = Duty.objects.create(role=role, person_id=person_id, started_at=now, until=until)
    lay_out(role, now)
    turn.refresh_from_db()
    return turn


def end(turns: QuerySet[Duty], now: datetime) -> None:
    """End those that run and drop those to come. Roles and seals are locked, so none begins behind our back."""
    turns.filter(started_at__gt=now).delete()
    running_at(turns, now).update(ended_at=now, is_end_untold=False)


def lay_out(role: DutyRole, now: datetime) -> None:
    """Make what is to come what the roster says. The role is locked; ``now`` was read after that."""
    eligible = _eligible(role)
    present = running(role, now)
    since, until = present.started_at if present else now, now + AHEAD
    planned = [span for span in plan_of(role, written(role, since, until), since, until) if span.person in eligible]
    end = end_of(present, planned, now) if present else now
    _write(role, present, end, timeline.after(planned, end), now)


class Written(NamedTuple):
    """What registrars wrote about a role."""

    patterns: list[ShiftPattern]
    shifts: list[Shift]


def written(role: DutyRole, since: datetime, until: datetime) -> Written:
    """All patterns, and the single shifts that touch the time from ``since`` to before ``until``. Two queries."""
    shifts = Shift.objects.filter(role=role, starts_at__lt=until, ends_at__gt=since).order_by("starts_at")
    return Written(list(ShiftPattern.objects.filter(role=role).order_by("first", "begins", "pk")), list(shifts))


def plan_of(role: DutyRole, roster: Written, since: datetime, until: datetime) -> list[Span]:
    """What the roster says of the time from ``since`` to before ``until``, of people who are eligible and others."""
    zone = ZoneInfo(role.hospital.time_zone)
    below = [span for row in roster.patterns for span in timeline.occurrences(pattern_of(row), zone, since, until)]
    return timeline.overlay(below, [Span(row.person_id, row.starts_at, row.ends_at, row.written_by_id) for row in roster.shifts])


def pattern_of(row: ShiftPattern) -> timeline.Pattern:
    days = frozenset(row.weekdays)
    return timeline.Pattern(row.person_id, days, row.begins, row.ends, row.first, row.last, row.every, row.written_by_id)


def _eligible(role: DutyRole) -> set[UUID]:
    """Locked: who is losing the seal in this second waits, and then finds the turns written here."""
    seals = RoleSeal.objects.select_for_update().filter(role=role, ended_at=None).order_by("pk")
    return {seal.person_id for seal in seals}


def end_of(present: Duty, planned: list[Span], now: datetime) -> datetime | None:
    """When the running turn ends; at once, where the roster was changed under it."""
    if present.planned_by_id is None:
        end = timeline.end_of_taken(Taken(present.started_at, present.until), planned)
        return end and max(end, now)
    span = timeline.at(planned, now)
    return span.end if span is not None and span.person == present.person_id else now


def _write(role: DutyRole, present: Duty | None, end: datetime | None, spans: Iterable[Span], now: datetime) -> None:
    """What is there already is left alone, so that laying out again writes nothing. In this order no two turns ever overlap."""
    wanted = {(span.person, span.start, span.end, span.by) for span in spans}
    coming = Duty.objects.filter(role=role, started_at__gt=now)
    there = {(turn.person_id, turn.started_at, turn.ended_at, turn.planned_by_id): turn.pk for turn in coming}
    Duty.objects.filter(pk__in=[pk for key, pk in there.items() if key not in wanted]).delete()
    if present is not None and present.ended_at != end:
        Duty.objects.filter(pk=present.pk).update(ended_at=end, is_end_untold=end is not None)
    Duty.objects.bulk_create(
        Duty(role=role, person_id=who, started_at=start, ended_at=end, planned_by_id=by, is_begin_untold=True, is_end_untold=True)
        for who, start, end, by in sorted(wanted - there.keys(), key=lambda each: each[1])
    )
