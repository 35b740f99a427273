"""What the clock tells about duty: that a turn began or ended by plan, and that nobody will hold a role.

Invariant: telling is all it does. Who holds a role follows from the turns alone (``identity.models.Holder``), so a worker that is late
tells late, once, and nobody reads a minute longer or waits a minute more. Each telling is one transaction with its event in the log.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q

from audit.events import CLOCK, Event
from audit.services import record
from backend.clock import database_now
from backend.realtime import ring_after_commit, ring_watching_after_commit
from identity import access, timeline
from identity.models import Duty, DutyRole, GapWarning, RoleSeal, Shift, ShiftPattern
from identity.services import turns

HOURS_AHEAD: Final = (24, 2)  # a gap is told once for each
TOLD_AT_MOST: Final = 500  # in one run


class GapPush(NamedTuple):
    people: list[UUID]
    is_urgent: bool


def tell() -> int:
    """Tell of every planned beginning and end that has passed, the earliest first; how many were told."""
    told = 0
    while told < TOLD_AT_MOST and (_tell_one_begin() or _tell_one_end()):
        told += 1
    return told


@transaction.atomic
def _tell_one_begin() -> bool:
    due = Duty.objects.select_related("role", "person", "planned_by").select_for_update(of=["self"], skip_locked=True)
    turn = due.filter(is_begin_untold=True, started_at__lte=database_now()).order_by("started_at", "pk").first()
    if turn is None:
        return False
    Duty.objects.filter(pk=turn.pk).update(is_begin_untold=False)
    former = Duty.objects.select_related("person").filter(role=turn.role, ended_at=turn.started_at).exclude(pk=turn.pk).first()
    subjects = {"role": turn.role_id, "holder": turn.person.pseudonym}
    if turn.planned_by is not None:
        subjects["planned_by"] = turn.planned_by.pseudonym
    if former is not None:
        subjects["former"] = former.person.pseudonym
    _tell(turn.role, "identity.begin_duty", subjects, is_board_changed=former is None)
    return True


@transaction.atomic
def _tell_one_end() -> bool:
    following = Duty.objects.filter(role=OuterRef("role"), started_at=OuterRef("ended_at")).exclude(pk=OuterRef("pk"))
    due = Duty.objects.select_related("role", "person").select_for_update(of=["self"], skip_locked=True)
    over = due.filter(is_end_untold=True, ended_at__lte=database_now()).annotate(is_followed=Exists(following))
    turn = over.order_by("ended_at", "pk").first()
    if turn is None:
        return False
    subjects = {"role": turn.role_id, "former": turn.person.pseudonym}
    Duty.objects.filter(pk=turn.pk).update(is_end_untold=False)
    _tell(turn.role, "identity.end_duty", subjects, is_board_changed=not turn.is_followed)
    return True


def _tell(role: DutyRole, action: str, subjects: dict[str, UUID], *, is_board_changed: bool) -> None:
    record(event=Event(action, CLOCK, [role.hospital_id], subjects=subjects))
    ring_after_commit(access.colleagues(role.hospital_id), {"t": "duty"})
    if is_board_changed:
        boards = {role.hospital_id} | access.partner_hospitals(role.hospital_id)
        ring_watching_after_commit(boards, {"t": "board", "hospital": str(role.hospital_id)})


def lay_out_rosters() -> None:
    """Write turns further ahead, role by role; done again it changes nothing."""
    has_roster = Exists(ShiftPattern.objects.filter(role=OuterRef("pk"))) | Exists(Shift.objects.filter(role=OuterRef("pk")))
    for role_id in DutyRole.objects.filter(has_roster, closed_at=None).order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            locked = DutyRole.objects.select_related("hospital").select_for_update(of=["self"], no_key=True)
            role = locked.filter(pk=role_id, closed_at=None).first()
            if role is not None:
                turns.lay_out(role, database_now())


def warn_of_gaps() -> int:
    """Warn of roles without a holder, now or within a day; how many warnings were new."""
    now = database_now()
    starts = _gap_starts(now)
    roles = DutyRole.objects.filter(pk__in=starts)
    return sum(_warn(role, starts[role.pk], now) for role in roles)


def _gap_starts(now: datetime) -> dict[UUID, datetime]:
    """Role -> when its first gap begins, or began. Two queries. A role that nobody may hold is not in use yet."""
    sealed = Exists(RoleSeal.objects.filter(role=OuterRef("pk"), ended_at=None))
    last_end = Max("duties__ended_at", filter=Q(duties__ended_at__lte=now))
    roles = DutyRole.objects.filter(sealed, closed_at=None).annotate(last_end=last_end).values_list("pk", "last_end", "created_at")
    since = {pk: last or created for pk, last, created in roles}
    ahead = now + timedelta(hours=max(HOURS_AHEAD))
    spans: dict[UUID, list[tuple[datetime, datetime | None]]] = {pk: [] for pk in since}
    running_or_near = Duty.objects.filter(Q(ended_at=None) | Q(ended_at__gt=now), role__in=since, started_at__lt=ahead)
    for role, start, end in running_or_near.order_by("started_at").values_list("role", "started_at", "ended_at"):
        spans[role].append((start, end))
    found = {role: timeline.gaps(spans[role], now, ahead) for role in since}
    return {role: since[role] if gaps[0].start == now else gaps[0].start for role, gaps in found.items() if gaps}


@transaction.atomic
def _warn(role: DutyRole, starts_at: datetime, now: datetime) -> bool:
    reached = [hours for hours in HOURS_AHEAD if starts_at <= now + timedelta(hours=hours)]
    new = [GapWarning.objects.get_or_create(role=role, starts_at=starts_at, hours_ahead=hours) for hours in reached]
    fresh = [warning.hours_ahead for warning, is_new in new if is_new]
    if not fresh:
        return False
    # One that is overdue tells of what is near alone.
    GapWarning.objects.filter(role=role, starts_at=starts_at, hours_ahead__gt=min(fresh), pushed_at=None).update(pushed_at=now)
    record(event=Event("identity.warn_gap", CLOCK, [role.hospital_id], subjects={"role": role.pk}, detail={"hours_ahead": min(fresh)}))
    ring_after_commit({*access.registrars(role.hospital_id), *access.eligible_people(role.pk)}, {"t": "duty"})
    return True


def claim_gap_pushes() -> Iterable[GapPush]:
    """Whom to wake for warnings that have not been pushed, each once; in the caller's transaction, which owes the pushes."""
    due = list(GapWarning.objects.select_related("role").select_for_update(of=["self"], skip_locked=True).filter(pushed_at=None))
    GapWarning.objects.filter(pk__in=[warning.pk for warning in due]).update(pushed_at=database_now())
    return [GapPush(access.registrars(warning.role.hospital_id), warning.hours_ahead == min(HOURS_AHEAD)) for warning in due]
