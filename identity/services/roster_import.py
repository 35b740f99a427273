"""Taking over a roster that was made elsewhere: a spreadsheet, or the hospital's own planning software.

Invariant: all lines are taken, or none: a roster half taken over looks finished. For the roles it names, an import replaces the single
shifts that begin in the range it names; what is over stays. The same again changes nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from audit.events import Event
from audit.services import record
from backend.clock import database_now
from backend.errors import Conflict, Invalid
from identity import access
from identity.actors import Actor
from identity.models import DutyRole, Hospital, Membership, Person, RoleSeal, Shift
from identity.roster_lines import LINES_AT_MOST, Known, Line, LineError, Read, folded, read_lines
from identity.services import rosters

LONGEST_RANGE: Final = timedelta(days=400)


class Outcome(NamedTuple):
    is_applied: bool
    lines: int
    added: int
    removed: int
    errors: list[LineError]


@transaction.atomic
def import_roster(*, actor: Actor, lines: Iterable[Line], since: datetime, until: datetime, is_dry_run: bool = False) -> Outcome:
    """Replace the single shifts that begin from ``since`` to before ``until``, of the roles the lines name.

    Later also for an integration client: nothing here knows of HTTP or files. ``is_dry_run`` tells what it would do, and all errors.

    Raises:
        Forbidden: ``registrar.required``. Invalid: ``roster.range``, ``roster.too_many_lines``, ``roster.lines`` (``problems``).
        Conflict: ``roster.overlap``: a shift that began before ``since`` lies in the way.
    """
    actor.require_registrar()
    given = list(lines)
    if len(given) > LINES_AT_MOST:
        raise Invalid("roster.too_many_lines", "Import at most 2,000 lines at once.", most=LINES_AT_MOST)
    if not timedelta() < until - since <= LONGEST_RANGE:
        raise Invalid("roster.range", "Name the time the import replaces: at most 400 days, the end after the beginning.")
    read, errors = read_lines(given, _known(actor.hospital_id), since, until)
    if is_dry_run:
        return _rehearse(actor, read, errors, since, until, len(given))
    if errors:
        told = [error._asdict() for error in errors]
        raise Invalid("roster.lines", "Some lines cannot be read; nothing was taken over.", problems=told)
    return _apply(actor, read, since, until, len(given))


def _rehearse(actor: Actor, read: list[Read], errors: list[LineError], since: datetime, until: datetime, count: int) -> Outcome:
    added = removed = 0
    now = database_now()
    for role_id, lines in _by_role(read).items():
        gone, new = _difference(role_id, lines, since, until, now)
        added, removed = added + len(new), removed + len(gone)
    event = Event("identity.rehearse_roster", actor.agent(), [actor.hospital_id], detail={"lines": count, "errors": len(errors)})
    record(event=event)
    return Outcome(False, count, added, removed, errors)


def _apply(actor: Actor, read: list[Read], since: datetime, until: datetime, count: int) -> Outcome:
    added = removed = 0
    by_role = _by_role(read)
    for role_id in sorted(by_role):  # in one order: two imports at once wait for each other, and not for ever
        role = access.lock_role(actor, role_id)
        now = database_now()
        gone, new = _difference(role_id, by_role[role_id], since, until, now)
        if gone or new:
            _replace(actor, role, gone, new)
            rosters.changed(actor, role, "import", now, added=len(new), removed=len(gone))
        added, removed = added + len(new), removed + len(gone)
    detail: dict[str, str | int | list[str]] = {"lines": count, "added": added, "removed": removed}
    record(event=Event("identity.import_roster", actor.agent(), [actor.hospital_id], detail=detail))
    return Outcome(True, count, added, removed, [])


def _by_role(read: Iterable[Read]) -> dict[UUID, list[Read]]:
    found: dict[UUID, list[Read]] = defaultdict(list)
    for line in read:
        found[line.role].append(line)
    return found


def _difference(role_id: UUID, lines: list[Read], since: datetime, until: datetime, now: datetime) -> tuple[list[Shift], list[Read]]:
    """Shifts that go and lines that come; neither touches what is over."""
    kept = Shift.objects.filter(role=role_id, starts_at__gte=since, starts_at__lt=until, ends_at__gt=now)
    there = {(shift.person_id, shift.starts_at, shift.ends_at): shift for shift in kept}
    wanted = {(line.person, line.start, line.end): line for line in lines if line.end > now}
    gone = [shift for key, shift in there.items() if key not in wanted]
    return gone, [line for key, line in wanted.items() if key not in there]


def _replace(actor: Actor, role: DutyRole, gone: Collection[Shift], new: Collection[Read]) -> None:
    Shift.objects.filter(pk__in=[shift.pk for shift in gone]).delete()
    made = {"role": role, "source": Shift.Source.IMPORT, "written_by_id": actor.person_id}
    shifts = [Shift(person_id=line.person, starts_at=line.start, ends_at=line.end, **made) for line in new]
    try:
        with transaction.atomic():
            Shift.objects.bulk_create(shifts)
    except IntegrityError as error:
        raise Conflict("roster.overlap", "A shift that begins outside the range named lies in the way.") from error


def _known(hospital_id: UUID) -> Known:
    """Four queries, however many lines."""
    roles = {folded(name): pk for pk, name in DutyRole.objects.filter(hospital=hospital_id, closed_at=None).values_list("pk", "name")}
    roles |= {str(pk): pk for pk in list(roles.values())}
    people: dict[str, UUID | None] = {}
    members = Membership.objects.filter(hospital=hospital_id, state=Membership.State.ACTIVE, person__kind=Person.Kind.HUMAN)
    for pk, name, title in members.values_list("person", "person__name", "person__title"):
        for written in {folded(name), folded(f"{title} {name}")}:
            people[written] = None if written in people else pk
        people[str(pk)] = pk
    eligible: dict[UUID, set[UUID]] = defaultdict(set)
    for role, person in RoleSeal.objects.filter(role__in=roles.values(), ended_at=None).values_list("role", "person"):
        eligible[role].add(person)
    zone = ZoneInfo(Hospital.objects.values_list("time_zone", flat=True).get(pk=hospital_id))
    return Known(roles, people, eligible, zone)
