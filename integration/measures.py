"""Occupancy as a MeasureReport: how a figure's version is shown, and what of a pushed one is read.

Invariant: one report is one version of one figure, and never changes. Of a pushed report only the elements named here are read, and nothing
else of it is stored; one that says its meaning is modified is refused. The populations are SANER's; what is neither occupied nor available
of the beds is blocked. ``numTotBedsAvail`` knows nothing of promises: those are this service's, not the hospital software's.
"""

import re
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from rest_framework import serializers

from backend.errors import Invalid
from backend.parsing import parsed
from beds.models import FIGURE_AT_MOST, FigureReport
from beds.vocabulary import Category
from integration.resources import Resource, base, category_system

SANER: Final = "http://hl7.org/fhir/uv/saner/CodeSystem/MeasuredValues"
BEDS, OCCUPIED, AVAILABLE = "numTotBeds", "numTotBedsOcc", "numTotBedsAvail"
_HAS_ZONE: Final = re.compile(r"^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$", re.DOTALL)
_ID: Final = re.compile(r"^(?P<figure>[0-9a-f-]{36})\.(?P<version>[1-9][0-9]{0,8})$")


def measure() -> str:
    return f"{base()}/Measure/bed-occupancy"


def measure_report(report: FigureReport) -> Resource:
    """``capacity.unit`` is to be fetched with it."""
    at = report.reported_at.isoformat(timespec="milliseconds")
    available = report.staffed - report.occupied - report.blocked
    counts = {BEDS: report.staffed, OCCUPIED: report.occupied, AVAILABLE: available}
    return {
        "resourceType": "MeasureReport",
        "id": f"{report.capacity_id}.{report.version}",
        "meta": {"lastUpdated": report.recorded_at.isoformat(timespec="milliseconds")},
        "status": "complete",
        "type": "summary",
        "measure": measure(),
        "subject": {"reference": f"Location/{report.capacity.unit_id}"},
        "date": at,
        "reporter": {"reference": f"Organization/{report.capacity.unit.hospital_id}"},
        "period": {"start": at, "end": at},
        "group": [{"code": _concept(category_system(), report.capacity.category), "population": [*map(_population, counts.items())]}],
    }


def _population(counted: tuple[str, int]) -> Resource:
    return {"code": _concept(SANER, counted[0]), "count": counted[1]}


def _concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def version_of(id: str) -> tuple[UUID, int] | None:
    """Which version of which figure an id means; ``None``: it is the id of nothing."""
    found = _ID.match(id)
    try:
        return (UUID(found["figure"]), int(found["version"])) if found else None
    except ValueError:
        return None


class Pushed(NamedTuple):
    """What the hospital's software tells. ``None``: not told, so it stays as it was."""

    unit: UUID
    category: str
    at: datetime
    occupied: int
    staffed: int | None
    blocked: int | None


class _Count(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:  # a string of digits is none in FHIR, and True is one to Python
            self.fail("invalid")
        return super().to_internal_value(data)


class _Moment(serializers.DateTimeField):
    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not _HAS_ZONE.match(value):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss+zz:zz")
        return super().to_internal_value(value)


class Coding(serializers.Serializer):  # type: ignore[type-arg]
    system = serializers.CharField(max_length=255)
    code = serializers.CharField(max_length=64)


class Concept(serializers.Serializer):  # type: ignore[type-arg]
    coding = serializers.ListField(child=Coding(), min_length=1, max_length=8)


class _Population(serializers.Serializer):  # type: ignore[type-arg]
    code = Concept()
    count = _Count(min_value=0, max_value=FIGURE_AT_MOST)


class _Group(serializers.Serializer):  # type: ignore[type-arg]
    code = Concept()
    population = serializers.ListField(child=_Population(), min_length=1, max_length=16)


class _Reference(serializers.Serializer):  # type: ignore[type-arg]
    reference = serializers.RegexField(r"^Location/[0-9a-fA-F-]{36}$")


class _Report(serializers.Serializer):  # type: ignore[type-arg]
    resourceType = serializers.ChoiceField(["MeasureReport"])  # noqa: N815 -- FHIR's name
    status = serializers.ChoiceField(["complete"])
    type = serializers.ChoiceField(["summary"])
    measure = serializers.CharField(max_length=255)
    subject = _Reference()
    date = _Moment()
    group = serializers.ListField(child=_Group(), min_length=1, max_length=1)


def pushed(body: Any) -> Pushed:
    """Raises: DRF's ValidationError, with the elements. Invalid: ``fhir.modified``, ``fhir.other_measure``, ``fhir.no_such_figure``,
    ``fhir.counts_missing``, ``fhir.counts_contradict``."""
    refuse_modified(body)
    told = parsed(_Report, body)
    if told["measure"] != measure():
        raise Invalid("fhir.other_measure", f"The measure that is taken here is {measure()}.")
    (group,) = told["group"]
    counts = {code: each["count"] for each in group["population"] if (code := code_of(each["code"], SANER))}
    category = code_of(group["code"], category_system())
    if category not in Category.values:
        raise Invalid("fhir.no_such_figure", f"The group's code is one of {category_system()}: {', '.join(Category.values)}.")
    try:
        unit = UUID(told["subject"]["reference"].removeprefix("Location/"))
    except ValueError:
        raise Invalid("fhir.no_such_figure", "The subject is a unit: Location/<its id>.") from None
    return Pushed(unit, category, told["date"], *_counted(counts))


def _counted(counts: dict[str, int]) -> tuple[int, int | None, int | None]:
    """Occupied, staffed and blocked."""
    occupied, staffed, available = counts.get(OCCUPIED), counts.get(BEDS), counts.get(AVAILABLE)
    if occupied is None or (staffed is None and available is not None):
        raise Invalid("fhir.counts_missing", f"Tell {OCCUPIED}, and {BEDS} where you tell {AVAILABLE}.")
    if staffed is None or available is None:
        return occupied, staffed, None
    if occupied + available > staffed:
        raise Invalid("fhir.counts_contradict", f"{OCCUPIED} and {AVAILABLE} together are more than {BEDS}.")
    return occupied, staffed, staffed - occupied - available


def code_of(concept: dict[str, Any], system: str) -> str:
    return next((coding["code"] for coding in concept["coding"] if coding["system"] == system), "")


def refuse_modified(body: Any) -> None:
    """FHIR R4, 2.4.0.1: what may change the meaning of what it stands in must not be passed over. A body may be deep: no recursion."""
    to_see = [body]
    while to_see:
        seen = to_see.pop()
        if isinstance(seen, dict) and seen.keys() & {"modifierExtension", "implicitRules"}:
            raise Invalid("fhir.modified", "A report with modifierExtension or implicitRules is not understood here.")
        to_see += seen.values() if isinstance(seen, dict) else seen if isinstance(seen, list) else []
