"""Writing and reading the roster of a role.

Invariant: whoever writes has seen what is there (the roster's version); the turns that follow from a change are laid out in its
transaction. What is over is not rewritten. Only a registrar writes; whoever may hold the role, and the registrars, read.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from math import lcm
from typing import Final, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from audit.events import Event
from audit.services import record
from backend.clock import database_now
from backend.errors import Changed, Conflict, Invalid, NotFound
from backend.realtime import ring_after_commit
from identity import access, timeline
from identity.actors import Actor
from identity.models import Duty, DutyRole, Shift, ShiftPattern
from identity.services import turns
from identity.timeline import Gap

LONGEST_SHIFT: Final = timedelta(days=7)
SHOWN_AT_MOST: Final = timedelta(days=42)
PATTERNS_AT_MOST: Final = 60
SHIFTS_AT_MOST: Final = 1000  # that are not over, of one role


Row = TypeVar("Row", Shift, ShiftPattern)


class PatternDraft(NamedTuple):
    person: UUID
    weekdays: list[int]
    begins: time
    ends: time
    first: date
    last: date | None
    every: int


class ShiftDraft(NamedTuple):
    person: UUID
    starts_at: datetime
    ends_at: datetime


class PlannedTurn(NamedTuple):
    """``is_planned``: by the roster, not by hand."""

    person_id: UUID
    started_at: datetime
    ended_at: datetime | None
    is_planned: bool


class Roster(NamedTuple):
    """``turns``: what was and will be; ``gaps``: when nobody will be."""

    role: DutyRole
    turns: list[PlannedTurn]
    gaps: list[Gap]
    patterns: list[ShiftPattern]
    shifts: list[Shift]


@transaction.atomic
def read(*, actor: Actor, role_id: UUID, since: datetime, until: datetime) -> Roster:
    """The roster of a role from ``since`` to before ``until``. A constant number of queries.

    Raises:
        NotFound: not a role of the hospital, or one the actor neither may hold nor keeps. Invalid: ``roster.range``.
    """
    role = access.rostered_role(actor, role_id)
    if not timedelta() < until - since <= SHOWN_AT_MOST:
        raise Invalid("roster.range", "Ask for at most six weeks, the end after the beginning.")
    now = database_now()
    begun = list(_begun(role, min(since, now), now))
    present = next((turn for turn in begun if turn.ended_at is None or turn.ended_at > now), None)
    roster = turns.written(role, min(since, present.started_at if present else now), max(until, now))
    shown = [_planned(turn) for turn in begun] + _coming(role, roster, present, now, until)
    gaps = timeline.gaps([(turn.started_at, turn.ended_at) for turn in shown], max(since, now), until)
    record(event=Event("identity.read_roster", actor.agent(), [actor.hospital_id], subjects={"role": role.pk}))
    return Roster(
        role,
        [turn for turn in shown if turn.started_at < until and (turn.ended_at is None or turn.ended_at > since)],
        gaps,
        roster.patterns,
        [shift for shift in roster.shifts if shift.starts_at < until and shift.ends_at > since],
    )


def _begun(role: DutyRole, since: datetime, now: datetime) -> QuerySet[Duty]:
    """Those that have begun and were not over by ``since``; empty ones were never anybody's."""
    not_over = Q(ended_at=None) | Q(ended_at__gt=since) & Q(ended_at__gt=F("started_at"))
    return Duty.objects.filter(not_over, role=role, started_at__lte=now).order_by("started_at")


def _planned(turn: Duty) -> PlannedTurn:
    return PlannedTurn(turn.person_id, turn.started_at, turn.ended_at, turn.planned_by_id is not None)


def _coming(role: DutyRole, roster: turns.Written, present: Duty | None, now: datetime, until: datetime) -> list[PlannedTurn]:
    """What will follow the running turn, further ahead than turns are written; the same rule makes both."""
    eligible = set(access.eligible_people(role.pk))
    planned = turns.plan_of(role, roster, present.started_at if present else now, max(until, now))
    possible = [span for span in planned if span.person in eligible]
    end = turns.end_of(present, possible, now) if present else now
    return [PlannedTurn(span.person, span.start, span.end, True) for span in timeline.after(possible, end)]


def save_shift(*, actor: Actor, role_id: UUID, shift_id: UUID, version: int, draft: ShiftDraft) -> int:
    """Write one shift; it counts before the patterns. Returns the roster's new version.

    Raises:
        Forbidden: ``registrar.required``. NotFound. Changed: ``roster.changed`` (``version``).
        Invalid: ``roster.shift`` (empty, or longer than a week), ``roster.past``.
        Conflict: ``duty.not_eligible``, ``roster.overlap``, ``roster.too_many``.
    """

    def write(role: DutyRole, now: datetime) -> None:
        require_shift(draft, now)
        kept = _own(Shift, role, shift_id)
        if kept is not None and kept.ends_at <= now:
            raise Invalid("roster.past", "A shift that is over stays as it was.")
        if Shift.objects.filter(role=role, ends_at__gt=now).exclude(pk=shift_id).count() >= SHIFTS_AT_MOST:
            raise Conflict("roster.too_many", "There are too many single shifts; use a pattern.", most=SHIFTS_AT_MOST)
        fields = {"person_id": draft.person, "starts_at": draft.starts_at, "ends_at": draft.ends_at, "written_by_id": actor.person_id}
        try:
            with transaction.atomic():
                Shift(id=shift_id, role=role, **fields).save(force_insert=kept is None)
        except IntegrityError as error:
            raise Conflict("roster.overlap", "Another single shift lies in this time.") from error

    return _change(actor, role_id, version, "save-shift", write, person=draft.person)


def delete_shift(*, actor: Actor, role_id: UUID, shift_id: UUID, version: int) -> int:
    """Raises: as ``save_shift``."""

    def write(role: DutyRole, now: datetime) -> None:
        kept = _own(Shift, role, shift_id)
        if kept is None:
            raise NotFound
        if kept.ends_at <= now:
            raise Invalid("roster.past", "A shift that is over stays as it was.")
        kept.delete()

    return _change(actor, role_id, version, "delete-shift", write)


def save_pattern(*, actor: Actor, role_id: UUID, pattern_id: UUID, version: int, draft: PatternDraft) -> int:
    """Write a shift that comes back. Returns the roster's new version.

    Raises:
        Forbidden, NotFound, Changed: as ``save_shift``. Invalid: ``roster.pattern``.
        Conflict: ``duty.not_eligible``, ``roster.overlap`` (with another pattern), ``roster.too_many``.
    """

    def write(role: DutyRole, now: datetime) -> None:
        kept = _own(ShiftPattern, role, pattern_id)
        others = ShiftPattern.objects.filter(role=role).exclude(pk=pattern_id)
        if len(others) >= PATTERNS_AT_MOST:
            raise Conflict("roster.too_many", "There are too many patterns; end one first.", most=PATTERNS_AT_MOST)
        fields = draft._asdict() | {"weekdays": sorted(set(draft.weekdays)), "person_id": draft.person, "written_by_id": actor.person_id}
        del fields["person"]
        made = ShiftPattern(id=pattern_id, role=role, **fields)
        _require_apart(made, list(others), ZoneInfo(role.hospital.time_zone))
        made.save(force_insert=kept is None)

    if draft.last is not None and draft.last < draft.first:
        raise Invalid("roster.pattern", "The last day lies before the first.")
    return _change(actor, role_id, version, "save-pattern", write, person=draft.person)


def delete_pattern(*, actor: Actor, role_id: UUID, pattern_id: UUID, version: int) -> int:
    """Raises: as ``save_pattern``."""

    def write(role: DutyRole, now: datetime) -> None:
        kept = _own(ShiftPattern, role, pattern_id)
        if kept is None:
            raise NotFound
        kept.delete()

    return _change(actor, role_id, version, "delete-pattern", write)


def require_shift(draft: ShiftDraft, now: datetime) -> None:
    """Raises: Invalid: ``roster.shift``, ``roster.past``."""
    if not timedelta() < draft.ends_at - draft.starts_at <= LONGEST_SHIFT:
        raise Invalid("roster.shift", "A shift ends after it begins, and lasts at most a week.")
    if draft.ends_at <= now:
        raise Invalid("roster.past", "This time is over.")


def changed(actor: Actor, role: DutyRole, how: str, now: datetime, **counts: int) -> int:
    """The roster has another version and its turns follow; logged, and people are told. The role is locked."""
    role.roster_version += 1
    role.save(update_fields=["roster_version"])
    turns.lay_out(role, now)
    detail: dict[str, str | int | list[str]] = {"change": how, "version": role.roster_version, **counts}
    record(event=Event("identity.change_roster", actor.agent(), [actor.hospital_id], subjects={"role": role.pk}, detail=detail))
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "duty"})
    return role.roster_version


@transaction.atomic
def _change(
    actor: Actor, role_id: UUID, version: int, how: str, write: Callable[[DutyRole, datetime], None], person: UUID | None = None
) -> int:
    actor.require_registrar()
    role = access.lock_role(actor, role_id)
    if role.roster_version != version:
        raise Changed("roster.changed", "Somebody changed this roster since you read it.", version=role.roster_version)
    if person is not None and person not in access.eligible_people(role.pk):
        raise Conflict("duty.not_eligible", "This colleague cannot hold the role.")
    now = database_now()
    write(role, now)
    return changed(actor, role, how, now)


def _own(model: type[Row], role: DutyRole, pk: UUID) -> Row | None:
    """Raises: NotFound: it is another role's."""
    found = model._default_manager.filter(pk=pk).first()
    if found is not None and found.role_id != role.pk:
        raise NotFound
    return found


def _require_apart(made: ShiftPattern, others: list[ShiftPattern], zone: ZoneInfo) -> None:
    """Two patterns come together again after as many weeks as their common multiple; single shifts may lie above either."""
    for other in others:
        first = max(made.first, other.first)
        since = datetime.combine(first, time(), UTC) - timedelta(days=2)
        until = since + timedelta(weeks=lcm(made.every, other.every), days=5)
        both = [span for row in (made, other) for span in timeline.occurrences(turns.pattern_of(row), zone, since, until)]
        both.sort(key=lambda span: span.start)
        if any(former.end > later.start for former, later in pairwise(both)):
            raise Conflict("roster.overlap", "Another pattern has somebody at the same time.")
