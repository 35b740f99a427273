"""How long hospitals take, how often they can help, and why not: numbers over a hospital's own requests.

Invariant: a row never names a person, and a time shows only where at least ``FEWEST`` candidates were measured: the database withholds it,
nothing smaller leaves it. A hospital sees what it experienced: as ``made`` its own requests, hospital by hospital; as ``asked`` what was
asked of it, its own part alone. What was never sent to a hospital counts for nobody. Rows come in the order of the vocabulary or the
alphabet, never by how well somebody did.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Invalid
from beds.transitions import DECLINE_REASONS, TERMINAL
from beds.vocabulary import Category, Urgency
from identity.actors import Actor
from identity.models import Hospital

FEWEST = 5
DAYS_AT_MOST = 366
DAYS_BY_DEFAULT = 30
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
SIDES = ("made", "asked")
GROUPS = ("hospital", "category", "urgency", "hour")
# What is measured, from the moment a hospital was asked, and the action that ends the wait.
MEASURED = {"acknowledge": "acknowledge", "offer": "hold", "confirm": "confirm", "arrive": "arrive"}
ENDS = tuple(sorted(state.value for state in TERMINAL))
REASONS = tuple(sorted(DECLINE_REASONS))

_WHOSE = {"made": "request.origin_id", "asked": "candidate.hospital_id"}
_KEYS = {
    "made": "candidate.hospital_id",
    "asked": "request.origin_id",
    "category": "request.category",
    "urgency": "request.urgency",
    "hour": "extract(hour FROM asked_at AT TIME ZONE %(zone)s)::int",
}


@dataclass(frozen=True)
class Statistics:
    """``total`` and each of ``rows``: ``key name asked open escalated``, counts by end and by reason, times by what was measured."""

    side: str
    group: str
    since: date
    until: date
    time_zone: str
    total: dict[str, Any]
    rows: list[dict[str, Any]]


@transaction.atomic
def read_statistics(
    *, actor: Actor, side: str, group: str, since: date | None = None, until: date | None = None, action: str = "beds.read_statistics"
) -> Statistics:
    """The days ``since`` to ``until``, both included, in the hospital's own time zone; by default the last 30. Two queries.

    Raises:
        Invalid: ``statistics.period``: the days are in the wrong order, or too many.
    """
    zone = Hospital.objects.values_list("time_zone", flat=True).get(pk=actor.hospital_id)
    until = until or timezone.now().astimezone(ZoneInfo(zone)).date()
    since = since or until - timedelta(days=DAYS_BY_DEFAULT - 1)
    if not EARLIEST <= since <= until <= LATEST or (until - since).days >= DAYS_AT_MOST:
        raise Invalid("statistics.period", "Give two days in order, not more than a year.", days_at_most=DAYS_AT_MOST)
    # Midnight by the hospital's clock: a day is 23 or 25 hours long when it changes.
    first, end = _midnight(since, zone), _midnight(until + timedelta(days=1), zone)
    found = _counted(side, group, {"hospital": actor.hospital_id, "zone": zone, "since": first, "until": end})
    total = next(row for row in found if row.pop("is_total"))
    rows = sorted((row for row in found if row is not total), key=lambda row: _place(group, row))
    detail: dict[str, str | int | list[str]] = {"side": side, "group": group, "since": str(since), "until": str(until), "rows": len(rows)}
    record(event=Event(action, actor.agent(), [actor.hospital_id], detail=detail))
    return Statistics(side, group, since, until, zone, total, rows)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(zone))


def _place(group: str, row: dict[str, Any]) -> Any:
    if group == "hospital":
        return (row["name"] or "").casefold(), row["key"]
    order: Sequence[Any] = {"category": Category.values, "urgency": Urgency.values, "hour": range(24)}[group]
    return order.index(row["key"])


def _counted(side: str, group: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_sql(side, group), parameters | {"measured": [*MEASURED.values()], "fewest": FEWEST})
        names = [column.name for column in cursor.description]
        return [_shaped(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _sql(side: str, group: str) -> str:
    """One statement: whose candidates, then the counts and the times of every group and of all together.

    What is measured happens once at most to a candidate, so a step is a measurement.
    """
    whose, key = _WHOSE[side], _KEYS[side if group == "hospital" else group]
    name = "(SELECT name FROM identity_hospital WHERE id = counts.key)" if group == "hospital" else "NULL"
    figures = [f"count(*) FILTER (WHERE state = '{state}') AS end_{number}" for number, state in enumerate(ENDS)]
    figures += [f"count(*) FILTER (WHERE state = 'declined' AND reason = '{code}') AS reason_{n}" for n, code in enumerate(REASONS)]
    return f"""
        WITH asked AS MATERIALIZED (
            SELECT candidate.id, asked_at, state, reason, escalation, {key} AS key
            FROM beds_candidate candidate JOIN beds_request request ON request.id = candidate.request_id
            WHERE {whose} = %(hospital)s AND asked_at >= %(since)s AND asked_at < %(until)s
        ), counts AS (
            SELECT grouping(key) = 1 AS is_total, key, count(*) AS asked, count(*) FILTER (WHERE escalation > 0) AS escalated,
                {", ".join(figures)}
            FROM asked GROUP BY GROUPING SETS ((key), ())
        ), measured AS (
            SELECT key, action, extract(epoch FROM created_at - asked_at)::float8 AS seconds
            FROM asked JOIN beds_transition ON candidate_id = asked.id AND action = ANY(%(measured)s)
        ), times AS (
            SELECT grouping(key) = 1 AS is_total, key, action, jsonb_build_array(count(*), CASE WHEN count(*) >= %(fewest)s
                THEN percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY seconds) END) AS taken
            FROM measured GROUP BY GROUPING SETS ((action, key), (action))
        )
        SELECT counts.*, {name} AS name, times.by_action AS times
        FROM counts LEFT JOIN (
            SELECT is_total, coalesce(key::text, '') AS key, jsonb_object_agg(action, taken) AS by_action FROM times GROUP BY 1, 2
        ) times ON times.is_total = counts.is_total AND times.key = coalesce(counts.key::text, '')
    """  # noqa: S608 -- every piece is from the closed lists of this module


def _shaped(row: dict[str, Any]) -> dict[str, Any]:
    ended = {state: row[f"end_{number}"] for number, state in enumerate(ENDS)}
    times = json.loads(row["times"] or "{}")
    return {
        **{name: row[name] for name in ("is_total", "key", "name", "asked", "escalated")},
        "open": row["asked"] - sum(ended.values()),
        "ended": ended,
        "declined_because": {code: row[f"reason_{number}"] for number, code in enumerate(REASONS)},
        "times": {what: _time(*times.get(action, (0, None))) for what, action in MEASURED.items()},
    }


def _time(count: int, seconds: list[float] | None) -> dict[str, int | None]:
    median, p90 = map(round, seconds) if seconds else (None, None)
    return {"count": count, "median": median, "p90": p90}
