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
    write_fed(capacity, Cause.REPORT, agent, "report_figure", {"given": occupied})
    return True


def _is_news(capacity: Capacity, at: datetime) -> bool:
    if at <= capacity.reported_at:
        return False
    # A sender whose clock is ahead must not make the figure young for ever.
    capacity.reported_at = min(at, database_now())
    return True


def write_fed(capacity: Capacity, cause: Cause, agent: Agent, verb: str, detail: dict[str, str | int]) -> None:
    """The next version of a figure that a feed has changed."""
    capacity.override, capacity.reporter_id = "", None
    write_version(capacity, cause, agent=agent, verb=verb, detail=detail)
