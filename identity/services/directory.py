"""Whom the actor may write to.

Invariant: own hospital and mutually accepted partners, active people only; who holds a partner's role is the partner's business. A constant
number of queries.
"""

from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from audit.events import Event
from audit.services import record
from identity import access
from identity.actors import Actor
from identity.models import DutyRole, Holder, Hospital, Membership, Statement

PAGE = 500


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
    return {"person": person, "since": duty.started_at, "until": duty.until}


def statements_after(*, actor: Actor, order: int) -> list[Statement]:
    """The key directory after ``order``, at most ``PAGE``. Whom a partner accepts is not shown: trust goes one step (protocol 4)."""
    own = Q(hospital=actor.hospital_id)
    partners = Q(hospital__in=access.partner_hospitals(actor.hospital_id)) & ~Q(kind=Statement.Kind.PARTNER)
    return list(Statement.objects.filter(own | partners, order__gt=order).order_by("order")[:PAGE])


def _within(actor: Actor) -> set[UUID]:
    return {actor.hospital_id} | access.partner_hospitals(actor.hospital_id)
