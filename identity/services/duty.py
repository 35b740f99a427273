"""Who is on duty.

Invariant: a role has at most one holder, always a person it is sealed to; of two who take it at once one wins and the other learns who did.
What was is kept: a turn ends, it is not overwritten.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Invalid
from backend.realtime import ring_after_commit, ring_watching_after_commit
from identity import access
from identity.actors import Actor
from identity.models import Duty, DutyRole, Person, PrincipalKey, RoleSeal

LONGEST: Final = timedelta(days=7)


class Eligibility(NamedTuple):
    seal: RoleSeal
    holder: Duty | None
    generations: list[PrincipalKey]


@transaction.atomic
def take(*, actor: Actor, role_id: UUID, until: datetime | None = None) -> Duty:
    """The actor holds the role from now; whoever held it no longer does. Taking a role one holds changes its planned end alone.

    Raises:
        NotFound: not a role the actor is eligible for. Invalid: ``duty.until``.
        Conflict: ``duty.taken``: somebody else took it at the same moment.
    """
    actor.require_human()
    role = access.eligible_role(actor, role_id)
    _require_until(until)
    mine = Duty.objects.select_for_update().filter(role=role, person=actor.person_id, ended_at=None).first()
    if mine is not None:
        mine.until = until
        mine.save(update_fields=["until"])
        former = []
    else:
        former = _end(role)
        mine = _begin(role, actor.person_id, until)
    _note(actor, "identity.take_duty", mine, former)
    return mine


@transaction.atomic
def hand_over(*, actor: Actor, role_id: UUID, to: UUID, until: datetime | None = None) -> Duty:
    """The holder gives the role to an eligible colleague.

    Raises:
        NotFound: not a role the actor is eligible for. Invalid: ``duty.until``.
        Conflict: ``duty.not_holder`` (taken over meanwhile), ``duty.not_eligible``.
    """
    role = access.eligible_role(actor, role_id)
    _require_until(until)
    if not access.is_eligible(role, to):
        raise Conflict("duty.not_eligible", "This colleague cannot hold the role.")
    if to == actor.person_id or not (former := _end(role, person=actor.person_id)):
        raise Conflict("duty.not_holder", "You do not hold this role now, or hand it to yourself.")
    duty = _begin(role, to, until)
    _note(actor, "identity.hand_over_duty", duty, former)
    return duty


@transaction.atomic
def read(*, actor: Actor) -> list[Eligibility]:
    """What the actor may hold, with the present holder and all generations of each role. Audited: it hands out sealed seeds."""
    mine = RoleSeal.objects.select_related("role").filter(person=actor.person_id, ended_at=None, role__closed_at=None)
    seals = list(mine.order_by("role__name"))
    roles = [seal.role_id for seal in seals]
    holders = {duty.role_id: duty for duty in Duty.objects.filter(role__in=roles, ended_at=None)}
    generations: dict[UUID, list[PrincipalKey]] = {role: [] for role in roles}
    for key in PrincipalKey.objects.filter(principal__in=roles).order_by("generation"):
        generations[key.principal].append(key)
    record(event=Event("identity.read_duty", actor.agent(), [actor.hospital_id]))
    return [Eligibility(seal, holders.get(seal.role_id), generations[seal.role_id]) for seal in seals]


def _end(role: DutyRole, **whose: UUID) -> list[UUID]:
    """End the present turn: a conditional UPDATE, so of two take-overs the second waits here and then ends nothing."""
    ending = Duty.objects.filter(role=role, ended_at=None, **whose)
    former = list(ending.values_list("person_id", flat=True))
    return former if end_turns(ending) else []


def end_turns(turns: QuerySet[Duty]) -> int:
    """End those that have not; how many. A turn may have begun while we waited for its row, after our "now": it ends as it began."""
    return turns.filter(ended_at=None).update(ended_at=Greatest(F("started_at"), Value(timezone.now())))


def _begin(role: DutyRole, person_id: UUID, until: datetime | None) -> Duty:
    try:
        with transaction.atomic():
            return Duty.objects.create(role=role, person_id=person_id, until=until)
    except IntegrityError as error:
        raise Conflict("duty.taken", "Somebody else took this role at the same moment.") from error


def _require_until(until: datetime | None) -> None:
    now = timezone.now()
    if until is not None and not now < until <= now + LONGEST:
        raise Invalid("duty.until", "The planned end must be within the next seven days.")


def _note(actor: Actor, action: str, duty: Duty, former: list[UUID]) -> None:
    pseudonyms = dict(Person.objects.filter(id__in=[*former, duty.person_id]).values_list("id", "pseudonym"))
    subjects = {"role": duty.role_id, "holder": pseudonyms[duty.person_id]}
    if former:
        subjects["former"] = pseudonyms[former[0]]
    record(event=Event(action, actor.agent(duty.role_id), [actor.hospital_id], subjects=subjects))
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "duty"})
    if not former:
        # A role that nobody held answers again: the boards of the hospital and its partners say so.
        boards = {actor.hospital_id} | access.partner_hospitals(actor.hospital_id)
        ring_watching_after_commit(boards, {"t": "board", "hospital": str(actor.hospital_id)})
