"""How the ADT feeds are doing, for the hospital's IT and the operator.

Invariant: counts, times, codes and control ids; nothing that a message said.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, Max, Q
from django.utils import timezone

from integration.models import Feed, FeedProblem

LOOKED_BACK: Final = timedelta(hours=24)


@dataclass(frozen=True)
class Problem:
    code: str
    place: str
    count: int
    control_id: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class FeedStatus:
    """``taken`` and ``problems`` are of the last 24 hours."""

    id: UUID
    hospital: str
    application: str
    facility: str
    wards: int
    last_at: datetime | None
    taken: int
    problems: list[Problem]

    @property
    def is_well(self) -> bool:
        """Something was taken in these 24 hours and nothing refused."""
        return self.taken > 0 and not self.problems


def read_status(now: datetime | None = None) -> list[FeedStatus]:
    since = (now or timezone.now()) - LOOKED_BACK
    taken = Count("taken", filter=Q(taken__taken_at__gte=since), distinct=True)
    live = Feed.objects.filter(ended_at=None).select_related("hospital").annotate(count=taken, last_at=Max("taken__taken_at"))
    feeds = live.annotate(mapped=Count("wards", distinct=True)).order_by("hospital__slug", "created_at")
    problems = list(FeedProblem.objects.filter(feed__ended_at=None, last_at__gte=since).order_by("-last_at"))
    return [
        FeedStatus(
            feed.pk,
            feed.hospital.slug,
            feed.application,
            feed.facility,
            feed.mapped,
            feed.last_at,
            feed.count,
            [_problem(one) for one in problems if one.feed_id == feed.pk],
        )
        for feed in feeds
    ]


def _problem(row: FeedProblem) -> Problem:
    return Problem(row.code, row.place, row.count, row.control_id, row.first_at, row.last_at)
