"""A unit's figures, reported by hand.

Invariant: a figure never contradicts itself or a promise: occupied, blocked and held together are at most what is staffed. Whoever writes
has seen what they overwrite (``If-Match``). What the hospital's own software (a feed) or its single beds count is counted by hand under a
recorded reason, or not at all. Every version goes through ``write_version``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Agent, Event
from audit.services import record
from backend.clock import database_now
from backend.errors import Changed, Conflict, Invalid
from beds import access
from beds.models import Capacity, Cause, Override, Source
from beds.services.promises import live_holds
from beds.services.telling import ring_board
from identity.actors import Actor

COUNTS = ("staffed", "occupied", "blocked")
JUDGED = ("reserve_24h", "reserve_72h", "assessment", "limits", "free_ecmo", "free_crrt", "sex_restriction", "age_bands")
ABOUT = ("source", "override", "reporter_id", "reported_at")


class Figures(NamedTuple):
    staffed: int
    occupied: int
    blocked: int


@transaction.atomic(savepoint=False)
def update_capacity(
    *, actor: Actor, capacity_id: UUID, version: int, figures: Figures, override: str = "", judgement: Mapping[str, Any] | None = None
) -> Capacity:
    """Report a figure of one's own hospital, on top of ``version``. What ``judgement`` leaves out stays as it was.

    Of a figure that a feed counts the judgement may be reported with the counts as they are, which then keep their age and source;
    other counts take ``override``, a reason of ``Override``, which stands until the feed reports again.

    Raises:
        NotFound: not a figure of the actor's hospital. Forbidden: ``actor.not_human``.
        Changed: ``capacity.changed`` with the present version.
        Conflict: ``capacity.fed_by_adt`` with the reasons there are, ``capacity.counted_by_bed``.
        Invalid: ``capacity.out_of_bounds`` with what is held and used, ``capacity.reserve_order``, ``capacity.no_such_slot``,
            ``override.not_fed``.
    """
    capacity = lock_for_report(actor, capacity_id, version)
    now = database_now()
    is_same = figures == counts_of(capacity)
    if capacity.is_by_bed and not is_same:
        raise Conflict("capacity.counted_by_bed", "The single beds of this unit are the count: change a bed.")
    if take_over_from_feed(capacity, override, is_same=is_same):
        capacity.reported_at = now
    if not is_same:
        refuse_out_of_bounds(figures, capacity.held)
    set_counts(capacity, figures)
    _judge(capacity, judgement or {})
    capacity.reporter_id = actor.person_id
    write_version(capacity, Cause.REPORT, agent=actor.agent(), verb="report_figure")
    return capacity


def lock_for_report(actor: Actor, capacity_id: UUID, version: int) -> Capacity:
    """The actor's hospital's figure, locked, with what is held: no hold comes in between the count and the write."""
    actor.require_human()
    capacity = access.own_capacity(actor, capacity_id)
    refuse_other_version(capacity, version)
    count_held(capacity)
    return capacity


def refuse_other_version(capacity: Capacity, version: int) -> None:
    if capacity.version != version:
        raise Changed("capacity.changed", "Somebody reported this figure since you read it.", version=capacity.version)


def count_held(capacity: Capacity) -> None:
    capacity.held = live_holds(database_now()).filter(capacity=capacity).count()


def counts_of(figure: Any) -> Figures:
    """Of a ``Capacity`` or one of its former versions."""
    return Figures(*(getattr(figure, name) for name in COUNTS))


def set_counts(capacity: Capacity, figures: Figures) -> None:
    capacity.staffed, capacity.occupied, capacity.blocked = figures


def take_over_from_feed(capacity: Capacity, override: str, *, is_same: bool) -> bool:
    """Whether the counts are now somebody's by hand. Not where the feed counts them and nobody contradicts it."""
    if capacity.is_fed and not override:
        if not is_same:
            detail = "The hospital's own software counts this; give one of the override reasons to count by hand."
            raise Conflict("capacity.fed_by_adt", detail, reasons=list(Override.values))
        return False
    if override and not capacity.is_fed and not capacity.override:
        raise Invalid("override.not_fed", "This figure is counted by hand: there is nothing to override.")
    capacity.source, capacity.override = Source.MANUAL, override or capacity.override
    return True


def refuse_out_of_bounds(figures: Figures, held: int) -> None:
    used = figures.occupied + figures.blocked + held
    if used > figures.staffed:
        raise Invalid("capacity.out_of_bounds", "Occupied, blocked and held together are more than staffed.", held=held, used=used)


def _judge(capacity: Capacity, judgement: Mapping[str, Any]) -> None:
    for name in JUDGED:
        if name in judgement:
            given = judgement[name]
            setattr(capacity, name, sorted(set(given)) if isinstance(given, Sequence) and not isinstance(given, str) else given)
    if None not in (capacity.reserve_24h, capacity.reserve_72h) and capacity.reserve_24h > capacity.reserve_72h:  # type: ignore[operator]
        raise Invalid("capacity.reserve_order", "The reserve within 72 hours includes that within 24.")
    for slot in ("ecmo", "crrt"):
        if getattr(capacity, f"free_{slot}") is not None and slot not in capacity.capabilities:
            raise Invalid("capacity.no_such_slot", "Free slots are reported where the unit has the capability.", capability=slot)


def write_version(capacity: Capacity, cause: Cause, *, agent: Agent, verb: str, detail: Mapping[str, str | int] | None = None) -> None:
    """Write the figure as its next version, with the audit event, and ring the boards. The database keeps the history."""
    capacity.version, capacity.cause = capacity.version + 1, cause
    capacity.save(update_fields=[*COUNTS, *JUDGED, *ABOUT, "version", "cause"])
    if capacity.is_by_bed:
        capacity.refresh_from_db(fields=COUNTS)
    said = {name: value for name in JUDGED if (value := getattr(capacity, name)) not in (None, "", [])}
    said |= {"override": capacity.override} if capacity.override else {}
    hospital = capacity.unit.hospital_id
    told = counts_of(capacity)._asdict() | said | {"category": capacity.category} | dict(detail or {})
    record(event=Event(f"beds.{verb}", agent, [hospital], subjects={"capacity": capacity.pk}, detail=told))
    ring_board(hospital)


def is_stale(capacity: Capacity, now: datetime | None = None) -> bool:
    return capacity.reported_at + capacity.unit.hospital.figure_stale_after < (now or timezone.now())
