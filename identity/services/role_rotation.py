"""Which duty roles need a new generation of keys, and why.

Invariant: due is what the rows say at the moment of asking, seal by seal of the present generation; there is no flag that could be wrong.
A role stays due until a generation is made that the reason does not touch.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from audit.events import Event
from audit.services import record
from identity.actors import Actor
from identity.models import Device, DutyRole, PrincipalKey, RoleSeal, Unit
from identity.models import Statement as StatementRow
from identity.services.keys import current_keys
from wardline_client.protocol import Revocation, parse_statement


class Reason(StrEnum):
    """Why somebody may have a role's seed who should not."""

    LEFT = "left"
    DEVICE_LOST = "device_lost"
    KEY_RENEWED = "key_renewed"


class Due(NamedTuple):
    reason: Reason
    person: UUID
    since: datetime


@dataclass(frozen=True)
class Standing:
    """A role as its registrar sees it. ``lacks_history``: whoever became eligible later cannot open what was written before, until a
    colleague who can hands it on (``role_history``).
    """

    role: DutyRole
    generation: int
    eligible: list[UUID]
    due: list[Due]
    lacks_history: bool


class Roles(NamedTuple):
    standings: list[Standing]
    units: list[Unit]


@transaction.atomic
def read_roles(*, actor: Actor) -> Roles:
    """All open roles of the hospital; a constant number of queries, the reading is audited. Raises ``Forbidden``."""
    actor.require_registrar()
    roles = list(DutyRole.objects.filter(hospital=actor.hospital_id, closed_at=None).order_by("name", "id"))
    generations: dict[UUID, list[PrincipalKey]] = defaultdict(list)
    for key in PrincipalKey.objects.filter(principal__in=[role.id for role in roles]).order_by("generation"):
        generations[key.principal].append(key)
    seals = _present_seals(generations)
    due = _due([seal for found in seals.values() for seal in found])
    record(event=Event("identity.read_roles", actor.agent(), [actor.hospital_id]))
    units = list(Unit.objects.filter(hospital=actor.hospital_id, closed_at=None).order_by("name"))
    return Roles([_standing(role, generations[role.id], seals[role.id], due) for role in roles], units)


def _standing(role: DutyRole, keys: list[PrincipalKey], seals: list[RoleSeal], due: dict[int, list[Due]]) -> Standing:
    eligible = [seal.person_id for seal in seals if seal.ended_at is None]
    reasons = sorted((one for seal in seals for one in due[seal.pk]), key=lambda one: one.since)
    lacks_history = any(key.generation > 1 and key.history is None for key in keys)
    return Standing(role, keys[-1].generation if keys else 0, eligible, reasons, lacks_history)


def _present_seals(generations: dict[UUID, list[PrincipalKey]]) -> dict[UUID, list[RoleSeal]]:
    """Those of each role's present generation, also those that have ended: their people have the seed."""
    present = {role: keys[-1].generation for role, keys in generations.items()}
    found: dict[UUID, list[RoleSeal]] = defaultdict(list)
    for seal in RoleSeal.objects.filter(role__in=present, generation__in=set(present.values())).order_by("id"):
        if seal.generation == present[seal.role_id]:
            found[seal.role_id].append(seal)
    return found


def _due(seals: list[RoleSeal]) -> dict[int, list[Due]]:
    people = {seal.person_id for seal in seals}
    keys, losses = current_keys(people), losses_of(people)
    return defaultdict(list, {seal.pk: list(_reasons(seal, keys.get(seal.person_id), losses[seal.person_id])) for seal in seals})


def _reasons(seal: RoleSeal, key: PrincipalKey | None, losses: list[datetime]) -> Iterator[Due]:
    if seal.ended_at is not None:
        yield Due(Reason.LEFT, seal.person_id, seal.ended_at)
    elif key is not None and bytes(key.kid) != bytes(seal.kid):
        yield Due(Reason.KEY_RENEWED, seal.person_id, key.created_at)
    later = [lost for lost in losses if lost > seal.created_at]
    if later:
        yield Due(Reason.DEVICE_LOST, seal.person_id, min(later))


def losses_of(people: set[UUID]) -> dict[UUID, list[datetime]]:
    """When a device of each was ended as lost or stolen: it may have been open in a stranger's hand."""
    devices = Device.objects.filter(person__in=people, revoked_at__isnull=False).values("id")
    found: dict[UUID, list[datetime]] = defaultdict(list)
    for row in StatementRow.objects.filter(kind=StatementRow.Kind.DEVICE_REVOKED, subject__in=devices):
        body = parse_statement(bytes(row.header), bytes(row.signature)).body
        if isinstance(body, Revocation) and body.reason in ("lost", "stolen"):
            found[body.principal].append(row.created_at)
    return found
