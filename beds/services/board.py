"""The board: who has free beds, how old that knowledge is, who answers.

Invariant: two queries whatever the number of hospitals, and the audit event of the reading. ``held`` and ``available`` are derived as it
is read, never stored; a hospital that reported nothing is listed without figures: unknown is not zero. Who is on duty is shown as a role,
never as a person.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from math import asin, cos, inf, radians, sin, sqrt
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q
from django.utils import timezone

from audit.events import Event
from audit.services import record
from beds.access import hospitals_on_board, usable_steps
from beds.models import Capacity
from beds.services.figures import COUNTS, JUDGED
from identity.actors import Actor
from identity.models import Holder

EARTH_RADIUS_KM = 6371.0
_SHOWN = ("category", *COUNTS, "held", "capabilities", *JUDGED, "reported_at", "source", "override", "is_by_bed", "version")


@transaction.atomic
def read_board(
    *, actor: Actor, category: str | None = None, capability: str | None = None, hospitals: Collection[UUID] = ()
) -> list[dict[str, Any]]:
    """Own hospital and mutual partners, nearest first, those without a fresh figure last. The filters narrow the units.

    ``hospitals``: these alone, as far as they are on the board; for who heard that something changed there.
    """
    now = timezone.now()
    shown = _hospitals(actor, hospitals)
    here = shown[actor.hospital_id]
    units = _units(category, capability, shown, now)
    record(event=Event("beds.read_board", actor.agent(), [actor.hospital_id]))
    board = [
        {
            "hospital": key,
            "distance_km": distance_km(here, there),
            "stale_after_seconds": int(there["figure_stale_after"].total_seconds()),
            "roles": there["roles"],
            "units": units[key],
        }
        for key, there in shown.items()
        if not hospitals or key in hospitals
    ]
    return sorted(board, key=_rank)


def _hospitals(actor: Actor, only: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Hospitals with their open duty roles, the own one among them. One query, a row per role."""
    on_duty = Holder.objects.filter(role=OuterRef("open_role"))
    on_board = hospitals_on_board(actor.hospital_id)
    rows = (
        (on_board.filter(pk__in=[actor.hospital_id, *only]) if only else on_board)
        .annotate(open_role=FilteredRelation("duty_roles", condition=Q(duty_roles__closed_at=None)))
        .annotate(is_on_duty=Exists(on_duty))
        .order_by("name", "open_role__name")
        .annotate(role=F("open_role__id"), categories=F("open_role__categories"), escalates_to=_targets())
        .values("id", "latitude", "longitude", "figure_stale_after", "is_on_duty", "role", "categories", "escalates_to")
    )
    hospitals: dict[UUID, dict[str, Any]] = {}
    for row in rows:
        hospital = hospitals.setdefault(row["id"], row | {"roles": []})
        if row["role"]:
            role = {name: row[name] for name in ("role", "categories", "escalates_to")}
            hospital["roles"].append(role | {"on_duty": row["is_on_duty"]})
    return hospitals


def _targets() -> ArraySubquery:
    """The roles a role's chain leads to: whom a request to it is sealed to as well."""
    steps = usable_steps().filter(role=OuterRef("open_role__id"), target_role__isnull=False)
    return ArraySubquery(steps.order_by("target_role").values("target_role").distinct())


def _units(
    category: str | None, capability: str | None, hospitals: dict[UUID, dict[str, Any]], now: datetime
) -> dict[UUID, list[dict[str, Any]]]:
    """Figures by hospital, the stale ones last. One query."""
    figures = with_held(Capacity.objects.filter(unit__hospital__in=list(hospitals), unit__closed_at=None), now)
    if category:
        figures = figures.filter(category=category)
    if capability:
        figures = figures.filter(capabilities__contains=[capability])
    units: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    # Plain values: making objects of 1,200 figures takes longer than reading them.
    for figure in figures.values(*_SHOWN, "unit", capacity=F("pk"), name=F("unit__name"), hospital=F("unit__hospital")):
        hospital = figure.pop("hospital")
        is_stale = figure["reported_at"] + hospitals[hospital]["figure_stale_after"] < now
        units[hospital].append(_with_derived(figure, is_stale=is_stale))
    for rows in units.values():
        rows.sort(key=lambda row: (row["is_stale"], -row["available"], row["name"], row["category"]))
    return units


def with_held(figures: Any, now: datetime) -> Any:
    """Annotate ``held``: the promises that stand at ``now``."""
    standing = FilteredRelation("holds", condition=Q(holds__during__overlap=(now, None)))
    return figures.annotate(standing=standing).annotate(held=Count("standing"))


def unit_row(capacity: Capacity, *, is_stale: bool) -> dict[str, Any]:
    """``capacity`` with ``held`` and its unit, as on the board."""
    figure = {name: getattr(capacity, name) for name in _SHOWN}
    where = {"capacity": capacity.pk, "unit": capacity.unit_id, "name": capacity.unit.name}
    return _with_derived(figure | where, is_stale=is_stale)


def _with_derived(figure: dict[str, Any], *, is_stale: bool) -> dict[str, Any]:
    """A feed may report more occupied than free while a bed is promised: never below zero."""
    free = figure["staffed"] - figure["occupied"] - figure["blocked"] - figure["held"]
    return figure | {"available": max(free, 0), "is_stale": is_stale}


def distance_km(here: dict[str, Any], there: dict[str, Any]) -> float | None:
    """Great circle, to a kilometre; ``None`` where a hospital gave no coordinates."""
    places = [here["latitude"], here["longitude"], there["latitude"], there["longitude"]]
    if None in places:
        return None
    lat1, lon1, lat2, lon2 = map(radians, places)
    haversine = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return round(2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, haversine))))


def _rank(row: dict[str, Any]) -> tuple[bool, float]:
    is_known = any(not unit["is_stale"] for unit in row["units"])
    return not is_known, inf if row["distance_km"] is None else row["distance_km"]
