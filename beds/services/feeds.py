"""What the hospital's own software reports: its ADT feed (HL7 v2) or a client of the API (FHIR).

Invariant: the feed tells facts, so a promise never refuses one: a patient in the last promised bed is counted, and the board shows none
free. The newest message wins, whatever order they arrive in. A report of the feed ends whatever override stood.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from audit.events import Agent
from backend.clock import database_now
from backend.errors import Conflict
from beds import access
from beds.models import Capacity, Cause, Source
from beds.services.figures import Figures, set_counts, write_version
from beds.services.single_beds import set_status


@transaction.atomic(savepoint=False)
def report_from_feed(
    *,
    source: Source,
    agent: Agent,
    hospital_id: UUID,
    capacity_id: UUID,
    occupied: int,
    at: datetime,
    staffed: int | None = None,
    blocked: int | None = None,
) -> bool:
    """Count a figure as the feed does; what it does not tell stays. ``at`` is the message's own time.

    More patients than beds (one on the corridor) fill the unit: the figure is full, and the audit event has the number given.

    Returns:
        False: something newer is known, nothing was changed.
    Raises:
        NotFound: not a figure of that hospital. Conflict: ``capacity.counted_by_bed``.
    """
    capacity = access.locked_capacity(hospital_id, capacity_id)
    if capacity.is_by_bed:
        raise Conflict("capacity.counted_by_bed", "The single beds of this unit are the count: report a bed.")
    if not _is_news(capacity, at):
        return False
    beds = capacity.staffed if staffed is None else staffed
    closed = min(capacity.blocked if blocked is None else blocked, beds)
    set_counts(capacity, Figures(beds, min(occupied, beds - closed), closed))
    capacity.source = source
    _write(capacity, Cause.REPORT, agent, "report_figure", {"given": occupied})
    return True


@transaction.atomic(savepoint=False)
def report_bed_from_feed(*, source: Source, agent: Agent, hospital_id: UUID, bed_id: UUID, status: str, at: datetime) -> bool:
    """A single bed's status as the feed tells it, promised or not. Returns and raises as ``report_from_feed``; ``bed.not_counted``."""
    capacity, bed = access.locked_bed(hospital_id, bed_id)
    # Of this bed: a message about another one may be newer and still leave this one to be told.
    if at <= bed.changed_at:
        return False
    set_status(capacity, bed, status)
    bed.changed_at = min(at, database_now())
    bed.save(update_fields=["changed_at"])
    capacity.reported_at = max(capacity.reported_at, bed.changed_at)
    capacity.source = source
    _write(capacity, Cause.BED, agent, "report_bed", {"status": status})
    return True


def _is_news(capacity: Capacity, at: datetime) -> bool:
    if at <= capacity.reported_at:
        return False
    # A sender whose clock is ahead must not make the figure young for ever.
    capacity.reported_at = min(at, database_now())
    return True


def _write(capacity: Capacity, cause: Cause, agent: Agent, verb: str, detail: dict[str, str | int]) -> None:
    capacity.override, capacity.reporter_id = "", None
    write_version(capacity, cause, agent=agent, verb=verb, detail=detail)
