"""How a figure stood over time.

Invariant: the history is what the database kept of each version, in order of time; a long span is thinned in SQL, and a thinned point still
tells the least that was free in its span: a night without a bed does not vanish between two points. Nobody's name is in it.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Invalid
from beds import access
from identity.actors import Actor

POINTS_AT_MOST = 240
SPAN = timedelta(days=7)
SPAN_AT_MOST = timedelta(days=400)

# The last report before the span is its entry: how it stood when the span began.
_SQL = """
    WITH inside AS (
        SELECT * FROM beds_figurereport WHERE capacity_id = %(capacity)s AND recorded_at > %(since)s AND recorded_at <= %(until)s
    ), entry AS (
        SELECT * FROM beds_figurereport WHERE capacity_id = %(capacity)s AND recorded_at <= %(since)s
        ORDER BY recorded_at DESC, id DESC LIMIT 1
    ), thinned AS (
        SELECT count(*) > %(points)s AS is_thinned FROM inside
    ), reports AS (
        SELECT inside.*, recorded_at AS at, CASE WHEN is_thinned
            THEN floor(%(points)s * extract(epoch FROM recorded_at - %(since)s) / extract(epoch FROM %(until)s - %(since)s))
            ELSE id END AS bucket
        FROM inside, thinned
        UNION ALL SELECT entry.*, %(since)s, -1 FROM entry
    )
    SELECT DISTINCT ON (bucket) at, staffed, occupied, blocked, staffed - occupied - blocked AS free,
        min(staffed - occupied - blocked) OVER (PARTITION BY bucket) AS free_least, assessment, source, cause, is_thinned
    FROM reports, thinned ORDER BY bucket, at DESC, id DESC
"""


@transaction.atomic
def read_history(*, actor: Actor, capacity_id: UUID, since: datetime | None = None, until: datetime | None = None) -> dict[str, Any]:
    """A figure of the board from ``since`` to ``until`` (the last seven days), at most ``POINTS_AT_MOST`` points and the one before.

    Raises:
        NotFound: not on the actor's board. Invalid: ``history.span``: it ends before it begins, or is longer than 400 days.
    """
    until = until or timezone.now()
    since = since or until - SPAN
    if not timedelta() < until - since <= SPAN_AT_MOST:
        raise Invalid("history.span", "since lies before until, by at most 400 days.")
    capacity = access.capacity_on_board(actor, capacity_id)
    record(event=Event("beds.read_history", actor.agent(), [actor.hospital_id], subjects={"capacity": capacity.pk}))
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"capacity": capacity.pk, "since": since, "until": until, "points": POINTS_AT_MOST})
        names = [column.name for column in cursor.description or ()]
        points = sorted((dict(zip(names, row, strict=True)) for row in cursor.fetchall()), key=lambda point: point["at"])
    return {"capacity": capacity.pk, "since": since, "until": until, "is_thinned": any(p["is_thinned"] for p in points), "points": points}
