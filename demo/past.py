"""An invented week of every figure, so that the demo's charts have something to show; and the units that an ADT feed counts.

Invariant: the past is added beside what is there, never in place of it, and walks to the figure as it stands; the same figure has the same
past each time. ``python -m demo.past UNIT/CATEGORY ...`` names what the feed counts.
"""

import random
import sys
from datetime import datetime, timedelta
from uuid import UUID

import django
from django.utils import timezone

DAYS = 7
HOURS_BETWEEN = (2, 9)


def main(fed: list[str]) -> None:
    django.setup()
    from audit.events import Agent
    from beds.models import Capacity, FigureReport
    from beds.services import report_from_feed
    from beds.vocabulary import Source

    for capacity in Capacity.objects.select_related("unit"):
        if capacity.reports.filter(version=None).exists():
            continue
        FigureReport.objects.bulk_create(
            FigureReport(
                capacity=capacity,
                staffed=capacity.staffed,
                blocked=capacity.blocked,
                occupied=occupied,
                cause="report",
                reported_at=at,
                recorded_at=at,
            )
            for at, occupied in walk(
                capacity.occupied, capacity.staffed - capacity.blocked, seed=f"{capacity.unit.name}/{capacity.category}"
            )
        )
    for name in fed:
        unit, category = name.split("/")
        found = Capacity.objects.select_related("unit").get(unit=UUID(unit), category=category)
        report_from_feed(
            source=Source.ADT,
            agent=Agent(method="adt"),
            hospital_id=found.unit.hospital_id,
            capacity_id=found.pk,
            occupied=found.occupied,
            at=timezone.now(),
        )


def walk(occupied: int, most: int, *, seed: str) -> list[tuple[datetime, int]]:
    """Times over the last week and the beds occupied then: one patient more or fewer at a time, as ``occupied`` now."""
    found: list[tuple[datetime, int]] = []
    chance, at = random.Random(seed), timezone.now()  # noqa: S311 -- invented figures, no secret
    while True:
        at -= timedelta(hours=chance.uniform(*HOURS_BETWEEN))
        if at < timezone.now() - timedelta(days=DAYS):
            return found
        occupied = min(max(occupied + chance.choice([-1, -1, 0, 1, 1]), 0), most)
        found.append((at, occupied))


if __name__ == "__main__":
    main(sys.argv[1:])
