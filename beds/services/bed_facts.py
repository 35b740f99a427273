"""What the hospital's own software tells about single beds, message by message.

Invariant: a bed is what ``beds.occupancy`` makes of everything told about it, so that the order in which messages arrive changes nothing;
what somebody reported by hand counts from its time on, until something newer is told. A promise never refuses a fact (``feeds``).
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from audit.events import Agent
from backend.errors import Conflict
from beds import access
from beds.models import Bed, BedFact, Capacity, Cause, Source
from beds.occupancy import Fact, Kind, standing
from beds.services.feeds import write_fed
from beds.services.single_beds import set_status

_PARTS = tuple(field.name for field in fields(Fact))
_BEFORE_EVERYTHING = datetime(1900, 1, 1, tzinfo=UTC)
_UNTOUCHED = 1  # a bed's version as it was opened: nobody has looked yet


class Told(NamedTuple):
    bed_id: UUID
    fact: Fact


@transaction.atomic(savepoint=False)
def tell_beds(*, source: Source, agent: Agent, hospital_id: UUID, told: Sequence[Told]) -> int:
    """Take what a feed told about beds of one hospital: all of it or none.

    Returns:
        How many beds changed; what is older than what is known changes none.
    Raises:
        NotFound: not a bed of that hospital. Conflict: ``bed.not_counted``.
    """
    if not told:
        return 0
    locked = access.locked_beds(hospital_id, [each.bed_id for each in told])
    return sum(_tell(source, agent, *locked[each.bed_id], each.fact) for each in told)


def _tell(source: Source, agent: Agent, capacity: Capacity, bed: Bed, fact: Fact) -> bool:
    if not capacity.is_by_bed:
        raise Conflict("bed.not_counted", "This unit reports a count; its single beds are not tracked.")
    if bed.version != bed.fed_version:
        _keep(bed, _seen(bed))
        bed.fed_version = bed.version
        bed.save(update_fields=["fed_version"])
    known = [Fact(**row) for row in BedFact.objects.filter(bed=bed).values(*_PARTS)]
    _keep(bed, fact)
    before, after = standing(known), standing([*known, fact])
    if after is None or after == before:
        return False
    _change(capacity, bed, after.status, fact)
    capacity.source = source
    write_fed(capacity, Cause.BED, agent, "report_bed", {"status": after.status})
    return True


def _seen(bed: Bed) -> Fact:
    """As it is since a hand, or the promise's arrival, was at it."""
    at = _BEFORE_EVERYTHING if bed.version == _UNTOUCHED else bed.changed_at
    return Fact(Kind.SEEN, at, at, at, bed.status)


def _keep(bed: Bed, fact: Fact) -> None:
    BedFact.objects.create(bed=bed, **{name: getattr(fact, name) for name in _PARTS})


def _change(capacity: Capacity, bed: Bed, status: str, fact: Fact) -> None:
    former = bed.changed_at if bed.version > _UNTOUCHED else fact.told_at
    set_status(capacity, bed, status)
    # Never back, and no further than now: a sender whose clock is ahead must not make the figure young for ever.
    bed.changed_at, bed.fed_version = min(max(former, fact.told_at), bed.changed_at), bed.version
    bed.save(update_fields=["changed_at", "fed_version"])
    capacity.reported_at = max(capacity.reported_at, bed.changed_at)


def forget_facts(*, before: datetime) -> None:
    """Away with what is older than ``before``, but for what stands of it: it may be all that is known of a bed."""
    old = BedFact.objects.filter(told_at__lt=before)
    for bed in old.values_list("bed", flat=True).distinct():
        rows = {Fact(**{name: row[name] for name in _PARTS}): int(row["id"]) for row in old.filter(bed=bed).values("id", *_PARTS)}
        stands = standing(rows)
        old.filter(bed=bed, pk__in=[pk for fact, pk in rows.items() if fact != stands]).delete()
