"""Single beds, where a hospital tracks them: their list and their status.

Invariant: the beds are the truth and the figure follows them in the same transaction (a trigger counts), so the two never disagree. A bed
that is promised stays free until the promise ends: by hand nobody is put into it.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from audit.events import Event
from audit.services import record
from backend.clock import database_now
from backend.errors import Changed, Conflict
from beds import access
from beds.models import Bed, Capacity, Cause
from beds.services.figures import count_held, take_over_from_feed, write_version
from beds.services.promises import live_holds
from identity.actors import Actor


@transaction.atomic
def read_beds(*, actor: Actor, unit_id: UUID) -> list[Bed]:
    """The beds of a unit of the actor's hospital, each with ``capacity`` and ``is_held``. Raises: NotFound."""
    unit = access.own_unit(actor, unit_id)
    record(event=Event("beds.read_beds", actor.agent(), [actor.hospital_id], subjects={"unit": unit.pk}))
    return sorted(_shown(Bed.objects.filter(unit=unit)), key=lambda bed: (bed.category, len(bed.label), bed.label))


def _shown(beds: QuerySet[Bed]) -> QuerySet[Any]:
    held = live_holds(database_now()).filter(bed=OuterRef("pk"))
    figure = Capacity.objects.filter(unit=OuterRef("unit"), category=OuterRef("category"))
    return beds.annotate(is_held=Exists(held), capacity=Subquery(figure.values("pk")))


@transaction.atomic(savepoint=False)
def report_bed(*, actor: Actor, bed_id: UUID, version: int, status: str, override: str = "") -> tuple[Bed, Capacity]:
    """Report the status of a bed of one's own hospital, on top of the bed's ``version``; gives the bed and the figure as it counts now.

    Raises:
        NotFound: not a bed of the actor's hospital. Forbidden: ``actor.not_human``.
        Changed: ``bed.changed`` with the present version.
        Conflict: ``bed.promised``, ``bed.not_counted``, ``capacity.fed_by_adt``. Invalid: ``override.not_fed``.
    """
    actor.require_human()
    capacity, bed = access.locked_bed(actor.hospital_id, bed_id)
    if bed.version != version:
        raise Changed("bed.changed", "Somebody reported this bed since you read it.", version=bed.version)
    take_over_from_feed(capacity, override, is_same=False)
    refuse_promised(bed, status)
    capacity.reported_at, capacity.reporter_id = database_now(), actor.person_id
    set_status(capacity, bed, status)
    write_version(capacity, Cause.BED, agent=actor.agent(), verb="report_bed", detail={"status": status})
    count_held(capacity)
    return _shown(Bed.objects.filter(pk=bed.pk)).get(), capacity


def refuse_promised(bed: Bed, status: str) -> None:
    if status != Bed.Status.UNOCCUPIED and live_holds(database_now()).filter(bed=bed).exists():
        raise Conflict("bed.promised", "This bed is promised to another hospital; it stays free until that ends.")


def set_status(capacity: Capacity, bed: Bed, status: str) -> None:
    """Before ``write_version``, whose version the bed remembers. Raises: Conflict: ``bed.not_counted``."""
    if not capacity.is_by_bed:
        raise Conflict("bed.not_counted", "This unit reports a count; its single beds are not tracked.")
    bed.former_status, bed.status, bed.version = bed.status, status, bed.version + 1
    bed.figure_version, bed.changed_at = capacity.version + 1, database_now()
    bed.save(update_fields=["former_status", "status", "version", "figure_version", "changed_at"])
