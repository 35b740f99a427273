"""Whom the actor may write to.

Invariant: own hospital and mutually accepted partners, active people only; who holds a partner's role is the partner's business. A constant
number of queries.
"""

from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from audit.events import Event
from audit.services import record
from identity import access
from identity.actors import Actor
from identity.models import DirectoryHead, DutyRole, Holder, Hospital, Membership, Statement, shown_until

PAGE = 500
_OWN_BUSINESS = (Statement.Kind.PARTNER, Statement.Kind.RECOVERY)


class Listing(NamedTuple):
    hospitals: list[Hospital]
    members: list[Membership]
    roles: list[tuple[DutyRole, Holder | None]]


@transaction.atomic
def read(*, actor: Actor) -> Listing:
    """Hospitals, people and roles; the reading is audited."""
    within = _within(actor)
    hospitals = list(Hospital.objects.filter(id__in=within).order_by("name"))
    members = (
        Membership.objects.filter(hospital__in=within, state=Membership.State.ACTIVE)
        .select_related("person")
        .order_by("person__name", "id")
    )
    roles = list(DutyRole.objects.filter(hospital__in=within, closed_at=None).order_by("name", "id"))
    duties = {duty.role_id: duty for duty in Holder.objects.filter(role__hospital__in=within)}
    record(event=Event("identity.read_directory", actor.agent(), [actor.hospital_id]))
    return Listing(hospitals, list(members), [(role, duties.get(role.id)) for role in roles])


def on_duty(duty: Holder | None, role: DutyRole, actor: Actor) -> dict[str, Any] | None:
    if duty is None:
        return None
    person = duty.person_id if role.hospital_id == actor.hospital_id else None
    return {"person": person, "since": duty.started_at, "until": shown_until(duty)}


class Stated(NamedTuple):
    """A page of the key directory. ``is_last``: there is no more at the moment; the newly signed heads come with that one."""

    statements: list[Statement]
    heads: list[DirectoryHead]
    is_last: bool


def statements_after(*, actor: Actor, order: int, heads: int, hospital: UUID | None = None) -> Stated:
    """The key directory after ``order``, at most ``PAGE`` statements, of all whom the actor may see or of one ``hospital`` of them; and of
    each hospital the newest head signed after ``heads``.
    """
    within = _within(actor) & {hospital} if hospital else _within(actor)
    # Heads first: one signed between the two looks would cover a statement that is not in the answer, and look like a lie.
    newest = list(DirectoryHead.objects.filter(hospital__in=within, order__gt=heads).order_by("hospital", "-order").distinct("hospital"))
    statements = list(Statement.objects.filter(hospital__in=within, order__gt=order).order_by("order")[:PAGE])
    is_last = len(statements) < PAGE
    return Stated(statements, newest if is_last else [], is_last)


def is_shown(statement: Statement, actor: Actor) -> bool:
    """Whom a partner accepts is not, trust goes one step, nor who its recovery officers are (protocol 4). The leaf is, so that what is left
    out is accounted for.
    """
    return statement.kind not in _OWN_BUSINESS or statement.hospital_id == actor.hospital_id


def _within(actor: Actor) -> set[UUID]:
    return {actor.hospital_id} | access.partner_hospitals(actor.hospital_id)
