"""Who is on duty.

Invariant: a role has at most one holder, always a person it is sealed to; of two who take it at once one wins and the other learns who did.
What was is kept: a turn ends, it is not overwritten. Turns of a role change under the role's lock, at a moment read after it.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from audit.events import Event
from audit.services import record
from backend.clock import database_now
from backend.errors import Conflict, Invalid
from backend.realtime import ring_after_commit, ring_watching_after_commit
from identity import access
from identity.actors import Actor
from identity.models import Duty, DutyRole, Holder, Person, PrincipalKey, RoleSeal

LONGEST: Final = timedelta(days=7)


class Eligibility(NamedTuple):
    seal: RoleSeal
    holder: Holder | None
    generations: list[PrincipalKey]


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
    present = _running(role, now)
    if present is not None and present.person_id == actor.person_id:
        present.until = until
        present.save(update_fields=["until"])
        _note(actor, "identity.take_duty", present, None)
        return present
    if present is not None and (seen is None or seen.pk != present.pk):
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
    present = _running(role, now)
    if to == actor.person_id or present is None or present.person_id != actor.person_id:
        raise Conflict("duty.not_holder", "You do not hold this role now, or hand it to yourself.")
    return _turn_over(actor, "identity.hand_over_duty", role, to, until, now)


@transaction.atomic
def read(*, actor: Actor) -> list[Eligibility]:
    """What the actor may hold, with the present holder and all generations of each role. Audited: it hands out sealed seeds."""
    mine = RoleSeal.objects.select_related("role").filter(person=actor.person_id, ended_at=None, role__closed_at=None)
    seals = list(mine.order_by("role__name"))
    roles = [seal.role_id for seal in seals]
    holders = {holder.role_id: holder for holder in Holder.objects.filter(role__in=roles)}
    generations: dict[UUID, list[PrincipalKey]] = {role: [] for role in roles}
    for key in PrincipalKey.objects.filter(principal__in=roles).order_by("generation"):
        generations[key.principal].append(key)
    record(event=Event("identity.read_duty", actor.agent(), [actor.hospital_id]))
    return [Eligibility(seal, holders.get(seal.role_id), generations[seal.role_id]) for seal in seals]


def end_turns(turns: QuerySet[Duty]) -> None:
    """End those that run and drop those to come. One may have begun while we waited for its row: hence the moment after the wait."""
    list(turns.select_for_update().order_by("pk").values_list("pk"))
    now = database_now()
    turns.filter(started_at__gt=now).delete()
    _running_at(turns, now).update(ended_at=now)


def _running_at(turns: QuerySet[Duty], now: datetime) -> QuerySet[Duty]:
    return turns.filter(Q(ended_at=None) | Q(ended_at__gt=now), started_at__lte=now)


def _running(role: DutyRole, now: datetime) -> Duty | None:
    return _running_at(Duty.objects.filter(role=role), now).first()


def _turn_over(actor: Actor, action: str, role: DutyRole, to: UUID, until: datetime | None, now: datetime) -> Duty:
    former = _running(role, now)
    if former is not None:
        former.ended_at = now
        former.save(update_fields=["ended_at"])
    try:
        with transaction.atomic():
            turn = Duty.objects.create(role=role, person_id=to, started_at=now, until=until)
    except IntegrityError as error:  # a clock that was set back
        raise Conflict("duty.taken", "Somebody else took this role at the same moment.") from error
    _note(actor, action, turn, former)
    return turn


def _require_until(until: datetime | None, now: datetime) -> None:
    if until is not None and not now < until <= now + LONGEST:
        raise Invalid("duty.until", "The planned end must be within the next seven days.")


def _note(actor: Actor, action: str, duty: Duty, former: Duty | None) -> None:
    people = [duty.person_id, *([former.person_id] if former else [])]
    pseudonyms = dict(Person.objects.filter(id__in=people).values_list("id", "pseudonym"))
    subjects = {"role": duty.role_id, "holder": pseudonyms[duty.person_id]}
    if former:
        subjects["former"] = pseudonyms[former.person_id]
    record(event=Event(action, actor.agent(duty.role_id), [actor.hospital_id], subjects=subjects))
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "duty"})
    if not former:
        # A role that nobody held answers again: the boards of the hospital and its partners say so.
        boards = {actor.hospital_id} | access.partner_hospitals(actor.hospital_id)
        ring_watching_after_commit(boards, {"t": "board", "hospital": str(actor.hospital_id)})
