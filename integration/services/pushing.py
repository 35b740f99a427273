"""A client pushes occupancy.

Invariant: what is pushed lands in the figure by the way of every feed (``beds.services.report_from_feed``): the newest counts, by the time
that the report itself names. The same report sent again changes nothing and gets the first one's answer.
"""

from django.db import transaction

from backend.errors import Conflict
from beds.models import Capacity, FigureReport
from beds.services import report_from_feed
from beds.vocabulary import Source
from integration import access
from integration.actors import ClientActor
from integration.measures import Pushed, measure_report
from integration.parts import PARTS
from integration.resources import Resource
from integration.services.resources import record_read


@transaction.atomic
def push_report(*, actor: ClientActor, pushed: Pushed) -> tuple[Resource, bool]:
    """Count a figure of the client's hospital as the report tells it.

    Returns:
        The figure's version as a MeasureReport, and whether it is new.
    Raises:
        Forbidden: ``client.scope_missing``. Invalid: ``fhir.no_such_figure``.
        Conflict: ``fhir.newer_known``; ``capacity.counted_by_bed``.
    """
    actor.require_scope("MeasureReport", "c")
    figure = access.figure_to_report(actor, pushed.unit, pushed.category)
    is_new = report_from_feed(
        source=Source.API,
        agent=actor.agent(),
        hospital_id=actor.hospital_id,
        capacity_id=figure.pk,
        occupied=pushed.occupied,
        at=pushed.at,
        staffed=pushed.staffed,
        blocked=pushed.blocked,
    )
    if is_new:
        return measure_report(access.reports_of(actor).filter(capacity=figure).latest("version")), True
    known = _the_same(actor, figure, pushed)
    record_read(actor, PARTS["MeasureReport"][0], known)
    return measure_report(known), False


def _the_same(actor: ClientActor, figure: Capacity, pushed: Pushed) -> FigureReport:
    told = {name: value for name in ("staffed", "occupied", "blocked") if (value := getattr(pushed, name)) is not None}
    same = access.reports_of(actor).filter(capacity=figure, source=Source.API, reported_at=pushed.at, **told)
    found = same.order_by("version").first()
    if found is None:
        raise Conflict("fhir.newer_known", "Something newer is known of this figure; nothing was changed.")
    return found
