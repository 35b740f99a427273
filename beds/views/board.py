"""The board, figures, their history and single beds over HTTP.

Invariant: no rule lives here, and every write happens once per Idempotency-Key, on top of the version the caller has seen.
"""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from backend.versions import IF_MATCH, version_seen
from beds import board_serializers as shapes
from beds import services
from beds.models import Capacity
from beds.services.board import unit_row
from beds.views.http import IDEMPOTENCY_KEY, HttpRequest

CONDITIONAL = [IDEMPOTENCY_KEY, IF_MATCH]


class BoardView(APIView):
    @extend_schema(operation_id="board", parameters=[shapes.BoardFilter], responses=shapes.Board)
    def get(self, request: HttpRequest) -> Response:
        """Free beds of the own hospital and its partners, how old each figure is, and which duty roles are held."""
        wanted = parsed(shapes.BoardFilter, request.query_params)
        board = services.read_board(actor=request.actor, hospitals=wanted.pop("hospital", ()), **wanted)
        # Plain values in the very shape of ``shapes.Board`` (a test compares): with 300 hospitals its nested serializers take longer than
        # the queries, the audit event and the encoding together.
        return Response({"hospitals": board})


class CapacityView(APIView):
    @extend_schema(operation_id="report_capacity", parameters=CONDITIONAL, request=shapes.FiguresIn, responses=shapes.UnitFigures)
    @idempotent
    def put(self, request: HttpRequest, capacity_id: UUID) -> Response:
        """Report a figure of the own hospital."""
        given = parsed(shapes.FiguresIn, request.data)
        figures = services.Figures(given.pop("staffed"), given.pop("occupied"), given.pop("blocked"))
        capacity = services.update_capacity(
            actor=request.actor,
            capacity_id=capacity_id,
            version=version_seen(request, "capacity"),
            figures=figures,
            override=given.pop("override", ""),
            judgement=given,
        )
        return _shown(capacity)


class UndoView(APIView):
    @extend_schema(operation_id="undo_report", parameters=CONDITIONAL, request=None, responses=shapes.UnitFigures)
    @idempotent
    def post(self, request: HttpRequest, capacity_id: UUID) -> Response:
        """Take back one's own last report: the former figure, as old as it was."""
        return _shown(services.undo_report(actor=request.actor, capacity_id=capacity_id, version=version_seen(request, "capacity")))


class HistoryView(APIView):
    @extend_schema(operation_id="capacity_history", parameters=[shapes.HistoryFilter], responses=shapes.History)
    def get(self, request: HttpRequest, capacity_id: UUID) -> Response:
        """How a figure stood over time, thinned where it is long."""
        wanted = parsed(shapes.HistoryFilter, request.query_params)
        return Response(shapes.History(services.read_history(actor=request.actor, capacity_id=capacity_id, **wanted)).data)


class BedsView(APIView):
    @extend_schema(operation_id="unit_beds", responses=shapes.Beds)
    def get(self, request: HttpRequest, unit_id: UUID) -> Response:
        """The single beds of a unit of the own hospital."""
        return Response(shapes.Beds({"beds": services.read_beds(actor=request.actor, unit_id=unit_id)}).data)


class BedView(APIView):
    @extend_schema(operation_id="report_bed", parameters=CONDITIONAL, request=shapes.BedIn, responses=shapes.BedReported)
    @idempotent
    def put(self, request: HttpRequest, bed_id: UUID) -> Response:
        """Report a single bed's status; the figure follows."""
        given = parsed(shapes.BedIn, request.data)
        bed, capacity = services.report_bed(actor=request.actor, bed_id=bed_id, version=version_seen(request, "capacity"), **given)
        return Response(shapes.BedReported({"bed": bed, "figure": unit_row(capacity, is_stale=False)}).data)


def _shown(capacity: Capacity) -> Response:
    return Response(shapes.UnitFigures(unit_row(capacity, is_stale=services.is_stale(capacity))).data)
