"""A unit's figures, reported by hand.

Invariant: a figure never contradicts itself or a promise: occupied, blocked and held together are at most what is staffed. Whoever writes
has seen what they overwrite (``If-Match``).
"""

from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from audit.events import Event
from audit.services import record
from backend.errors import DomainError, Invalid
from beds import access
from beds.models import Capacity
from beds.services.promises import database_now, live_holds
from beds.services.telling import ring_board
from identity.actors import Actor


class Changed(DomainError):
    """Somebody wrote since the version the caller saw."""

    status = 412


class Figures(NamedTuple):
    staffed: int
    occupied: int
    blocked: int


@transaction.atomic(savepoint=False)
def update_capacity(*, actor: Actor, capacity_id: UUID, version: int, figures: Figures) -> Capacity:
    """Report a figure of one's own hospital, on top of ``version``.

    Raises:
        NotFound: not a figure of the actor's hospital.
        Changed: ``capacity.changed`` with the present version.
        Invalid: ``capacity.out_of_bounds`` with the number held: more used or promised than staffed.
    """
    capacity = access.own_capacity(actor, capacity_id)  # locked: no hold comes in between the count and the write
    if capacity.version != version:
        raise Changed("capacity.changed", "Somebody reported this figure since you read it.", version=capacity.version)
    now = database_now()
    capacity.held = live_holds(now).filter(capacity=capacity).count()
    if figures.occupied + figures.blocked + capacity.held > figures.staffed:
        raise Invalid("capacity.out_of_bounds", "Occupied, blocked and held together are more than staffed.", held=capacity.held)
    capacity.staffed, capacity.occupied, capacity.blocked = figures
    capacity.version, capacity.source = version + 1, Capacity.Source.MANUAL
    capacity.reported_at, capacity.reporter_id = now, actor.person_id
    capacity.save(update_fields=["staffed", "occupied", "blocked", "version", "source", "reported_at", "reporter"])
    record(
        event=Event(
            action="beds.report_figure",
            agent=actor.agent(),
            hospitals=[actor.hospital_id],
            subjects={"capacity": capacity.pk},
            detail=figures._asdict() | {"category": capacity.category},
        )
    )
    ring_board(actor.hospital_id)
    return capacity
