"""Who is on duty.

Invariant: a role has at most one holder, always a person it is sealed to; of two who take it at once one wins and the other learns who did.
What was is kept: a turn ends, it is not overwritten. Turns of a role change under the role's lock, at a moment read after it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from audit.events import Event
from audit.services import record
from backend.clock import database_now
from backend.errors import Conflict, Invalid
from backend.realtime import ring_after_commit, ring_watching_after_commit
from identity import access
from identity.actors import Actor
from identity.models import Duty, DutyRole, Holder, Person, PrincipalKey, RoleSeal
from identity.services import turns
from identity.timeline import Gap, gaps

LONGEST: Final = timedelta(days=7)
SHOWN: Final = timedelta(days=7)  # how far ahead turns and gaps are shown


class Eligibility(NamedTuple):
    """A role the actor may hold; ``turns``: the running one and those of the week to come, in order."""

    seal: RoleSeal
    holder: Holder | None
    generations: list[PrincipalKey]
    turns: list[Duty]
    gaps: list[Gap]


@transaction.atomic
def take(*, actor: Actor, role_id: UUID, until: datetime | None = None) -> Duty:
    """The actor holds the role from now; whoever held it no longer does. Taking a role one holds changes its planned end alone.

    Raises:
        NotFound: not a role the actor is eligible for. Invalid: ``duty.until``.
        Conflict: ``duty.taken``: somebody else took it at the same moment.
    """
    actor.require_human()
    seen = Holder.objects.filter(role=role_id).first()
    role = access.eligible_role(actor, role_id)
    now = database_now()
    _require_until(until, now)
    present = turns.running(role, now)
    is_mine = present is not None and present.person_id == actor.person_id
    if present is not None and is_mine and present.planned_by_id is None:
        return _prolong(actor, present, until, now)
    if present is not None and not is_mine and (seen is None or seen.pk != present.pk):
        raise Conflict("duty.taken", "Somebody else took this role at the same moment.")
    return _turn_over(actor, "identity.take_duty", role, actor.person_id, until, now)


@transaction.atomic
def hand_over(*, actor: Actor, role_id: UUID, to: UUID, until: datetime | None = None) -> Duty:
    """The holder gives the role to an eligible colleague.

    Raises:
        NotFound: not a role the actor is eligible for. Invalid: ``duty.until``.
        Conflict: ``duty.not_holder`` (taken over meanwhile), ``duty.not_eligible``.
    """
    role = access.eligible_role(actor, role_id)
    now = database_now()
    _require_until(until, now)
    if not access.is_eligible(role, to):
        raise Conflict("duty.not_eligible", "This colleague cannot hold the role.")
    present = turns.running(role, now)
    if to == actor.person_id or present is None or present.person_id != actor.person_id:
        raise Conflict("duty.not_holder", "You do not hold this role now, or hand it to yourself.")
    return _turn_over(actor, "identity.hand_over_duty", role, to, until, now)


@transaction.atomic
def read(*, actor: Actor) -> list[Eligibility]:
    """What the actor may hold, with the holder, the week to come and all generations of each role. Audited: it hands out sealed seeds."""
    mine = RoleSeal.objects.select_related("role").filter(person=actor.person_id, ended_at=None, role__closed_at=None)
    seals = list(mine.order_by("role__name"))
    roles = [seal.role_id for seal in seals]
    holders = {holder.role_id: holder for holder in Holder.objects.filter(role__in=roles)}
    generations: dict[UUID, list[PrincipalKey]] = {role: [] for role in roles}
    for key in PrincipalKey.objects.filter(principal__in=roles).order_by("generation"):
        generations[key.principal].append(key)
    now = database_now()
    coming = _coming(roles, now)
    record(event=Event("identity.read_duty", actor.agent(), [actor.hospital_id]))
    return [
        Eligibility(
            seal, holders.get(seal.role_id), generations[seal.role_id], coming[seal.role_id], gaps_in(coming[seal.role_id], now, SHOWN)
        )
        for seal in seals
    ]


def gaps_in(coming: Iterable[Duty], now: datetime, ahead: timedelta) -> list[Gap]:
    """When nobody holds the role whose turns these are, from now on."""
    return gaps([(turn.started_at, turn.ended_at) for turn in coming], now, now + ahead)


def _coming(roles: list[UUID], now: datetime) -> dict[UUID, list[Duty]]:
    not_over = Q(ended_at=None) | Q(ended_at__gt=now)
    found: dict[UUID, list[Duty]] = {role: [] for role in roles}
    for turn in Duty.objects.filter(not_over, role__in=roles, started_at__lt=now + SHOWN).order_by("started_at"):
        found[turn.role_id].append(turn)
    return found


def _prolong(actor: Actor, turn: Duty, until: datetime | None, now: datetime) -> Duty:
    turn.until = until
    turn.save(update_fields=["until"])
    turns.lay_out(turn.role, now)
    turn.refresh_from_db()
    _note(actor, "identity.take_duty", turn, turn)
    return turn


def _turn_over(actor: Actor, action: str, role: DutyRole, to: UUID, until: datetime | None, now: datetime) -> Duty:
    former = turns.running(role, now)
    turn = turns.begin(role, to, until, now)
    _note(actor, action, turn, former)
    return turn


def _require_until(until: datetime | None, now: datetime) -> None:
    if until is not None and not now < until <= now + LONGEST:
        raise Invalid("duty.until", "The planned end must be within the next seven days.")


def _note(actor: Actor, action: str, duty: Duty, former: Duty | None) -> None:
    people = [duty.person_id, *([former.person_id] if former else [])]
    pseudonyms = dict(Person.objects.filter(id__in=people).values_list("id", "pseudonym"))
    subjects = {"role": duty.role_id, "holder": pseudonyms[duty.person_id]}
    if former and former.person_id != duty.person_id:
        subjects["former"] = pseudonyms[former.person_id]
    record(event=Event(action, actor.agent(duty.role_id), [actor.hospital_id], subjects=subjects))
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "duty"})
    if not former:
        # A role that nobody held answers again: the boards of the hospital and its partners say so.
        boards = {actor.hospital_id} | access.partner_hospitals(actor.hospital_id)
        ring_watching_after_commit(boards, {"t": "board", "hospital": str(actor.hospital_id)})
