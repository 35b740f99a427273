"""Taking back one's own last report.

Invariant: an undo brings back the figure that stood before, as old as it was and from whom it was; only the reporter may, for ten minutes,
and only while nothing else has happened to the figure. What was reported stays in the history, and so does the undo.
"""

from datetime import timedelta
from uuid import UUID

from django.db import transaction

from backend.clock import database_now
from backend.errors import Conflict
from beds.models import Bed, Capacity, Cause, FigureReport
from beds.services.figures import (
    ABOUT,
    JUDGED,
    count_held,
    counts_of,
    lock_for_report,
    refuse_out_of_bounds,
    set_counts,
    write_version,
)
from beds.services.single_beds import refuse_promised
from identity.actors import Actor

UNDO_WITHIN = timedelta(minutes=10)


@transaction.atomic(savepoint=False)
def undo_report(*, actor: Actor, capacity_id: UUID, version: int) -> Capacity:
    """Restore the figure as it stood before ``version``, which the actor reported.

    Raises:
        NotFound: not a figure of the actor's hospital. Forbidden: ``actor.not_human``.
        Changed: ``capacity.changed``: somebody else's report, an arrival or the feed came in between.
        Conflict: ``capacity.nothing_to_undo``: not the actor's own report, or too long ago. ``bed.promised``.
        Invalid: ``capacity.out_of_bounds``: a bed was promised meanwhile that the former figure did not have.
    """
    capacity = lock_for_report(actor, capacity_id, version)
    reports = {report.version: report for report in FigureReport.objects.filter(capacity=capacity, version__in=(version - 1, version))}
    if version not in reports or version - 1 not in reports or not _is_own_and_fresh(reports[version], actor):
        raise Conflict("capacity.nothing_to_undo", "Only your own last report can be taken back, for ten minutes.")
    former = reports[version - 1]
    if not capacity.is_by_bed and counts_of(former) != counts_of(capacity):
        refuse_out_of_bounds(counts_of(former), capacity.held)
    _restore_bed(capacity)
    set_counts(capacity, counts_of(former))
    for name in (*JUDGED, *ABOUT):
        setattr(capacity, name, getattr(former, name))
    write_version(capacity, Cause.UNDO, agent=actor.agent(), verb="undo_report")
    count_held(capacity)
    return capacity


def _is_own_and_fresh(report: FigureReport, actor: Actor) -> bool:
    is_report = report.cause in (Cause.REPORT, Cause.BED)
    return is_report and report.reporter_id == actor.person_id and report.recorded_at > database_now() - UNDO_WITHIN


def _restore_bed(capacity: Capacity) -> None:
    """The single bed whose change made this version, if one did."""
    changed = Bed.objects.select_for_update().filter(unit=capacity.unit_id, category=capacity.category, figure_version=capacity.version)
    if capacity.cause == Cause.BED and (bed := changed.first()) is not None:
        refuse_promised(bed, bed.former_status)
        bed.status, bed.former_status, bed.figure_version, bed.version = bed.former_status, "", None, bed.version + 1
        bed.changed_at = database_now()
        bed.save(update_fields=["status", "former_status", "figure_version", "version", "changed_at"])
