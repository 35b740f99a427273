"""Statistics over HTTP: as JSON for the screens, as CSV for a spreadsheet (docs/api-contract.md, Beds).

Invariant: both show the same numbers, and no cell of the CSV is a formula, whatever a hospital calls itself.
"""

import csv
import io
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.negotiation import AnyAccept
from backend.parsing import parsed
from beds import services
from beds.services.statistics import ENDS, FEWEST, GROUPS, MEASURED, REASONS, SIDES, Statistics
from beds.views.http import HttpRequest

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class StatisticsFilter(serializers.Serializer):
    side = serializers.ChoiceField(SIDES, default="made", help_text="Of the requests the own hospital made, or of those it was asked.")
    group = serializers.ChoiceField(GROUPS, default="hospital", help_text="`hour`: of the day, by the own hospital's clock.")
    since = serializers.DateField(
        required=False, help_text="The first day, by the own hospital's clock; by default 29 days before `until`."
    )
    until = serializers.DateField(required=False, help_text="The last day, included; by default today.")


def _counts(names: tuple[str, ...], title: str) -> serializers.Serializer:
    fields = {name: serializers.IntegerField() for name in names}
    return type(title, (serializers.Serializer,), fields)()


class TimesTaken(serializers.Serializer):
    count = serializers.IntegerField(help_text="How many came so far.")
    median = serializers.IntegerField(allow_null=True, help_text=f"Seconds from being asked; null when fewer than {FEWEST} came so far.")
    p90 = serializers.IntegerField(allow_null=True, help_text="Nine of ten took no longer.")


class StatisticsTotal(serializers.Serializer):
    asked = serializers.IntegerField(help_text="Hospitals asked, one by one: a request to three counts three.")
    open = serializers.IntegerField()
    escalated = serializers.IntegerField(help_text="Raised by the clock at least once.")
    ended = _counts(ENDS, "StatisticsEnded")
    declined_because = _counts(REASONS, "StatisticsReasons")
    times = type("StatisticsTimes", (serializers.Serializer,), {what: TimesTaken() for what in MEASURED})()


class StatisticsRow(StatisticsTotal):
    key = serializers.CharField(help_text="The hospital's id, the category, the urgency, or the hour 0 to 23.")
    name = serializers.CharField(allow_null=True, help_text="Of a hospital.")


class StatisticsOut(serializers.Serializer):
    side = serializers.ChoiceField(SIDES)
    group = serializers.ChoiceField(GROUPS)
    since = serializers.DateField()
    until = serializers.DateField()
    time_zone = serializers.CharField()
    total = StatisticsTotal()
    rows = StatisticsRow(many=True)


class StatisticsView(APIView):
    @extend_schema(operation_id="statistics", parameters=[StatisticsFilter], responses=StatisticsOut)
    def get(self, request: HttpRequest) -> Response:
        """How many, how they ended, why they were declined, and how long it took: at most a year, the own hospital's experience alone."""
        found = services.read_statistics(actor=request.actor, **parsed(StatisticsFilter, request.query_params))
        return Response(StatisticsOut(found).data)


class StatisticsCsvView(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="statistics_csv",
        parameters=[StatisticsFilter],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "RFC 4180, UTF-8; the row `total` first.")},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        """The same as a spreadsheet reads it. Audited as an export."""
        wanted = parsed(StatisticsFilter, request.query_params)
        found = services.read_statistics(actor=request.actor, action="beds.export_statistics", **wanted)
        name = f"wardline-{found.side}-{found.group}-{found.since}-{found.until}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(_csv(found), content_type="text/csv; charset=utf-8; header=present", headers=headers)


def _csv(found: Statistics) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    rows = [_cells(found, row) for row in (found.total | {"key": "total"}, *found.rows)]
    writer.writerow(rows[0])
    writer.writerows([_harmless(cell) for cell in row.values()] for row in rows)
    return table.getvalue()


def _cells(found: Statistics, row: dict[str, Any]) -> dict[str, Any]:
    cells = {"since": found.since, "until": found.until, "side": found.side, found.group: row["key"], "name": row["name"]}
    cells |= {name: row[name] for name in ("asked", "open", "escalated")} | row["ended"]
    cells |= {f"declined_{code}": count for code, count in row["declined_because"].items()}
    for what, taken in row["times"].items():
        cells |= {f"{what}_count": taken["count"], f"{what}_median_seconds": taken["median"], f"{what}_p90_seconds": taken["p90"]}
    return cells


def _harmless(cell: Any) -> Any:
    """A spreadsheet runs a cell that begins like a formula; an apostrophe before it makes it text."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
