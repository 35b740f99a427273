"""The auditor's screens over HTTP: search, timelines, disclosures, trouble, activity, reviews, roster."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.api import reading, reviews
from audit.api import reading_serializers as shapes
from audit.api.asking import FilterSerializer, case_of, wanted_of
from audit.exports.shown import Cut
from audit.exports.wanted import Wanted
from backend.errors import Invalid
from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, IsLogReader


class ReadersView(APIView):
    permission_classes = [IsLogReader]


class EventsView(ReadersView):
    """``/audit/events``"""

    @extend_schema(operation_id="audit_events", parameters=[FilterSerializer, shapes.PageSerializer], responses=shapes.EventPageSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Events of the own hospital's log, newest first."""
        wanted = wanted_of(request.actor, parsed(FilterSerializer, request.query_params))  # type: ignore[arg-type]
        return _page(request, wanted, "audit.search")


class TimelineView(ReadersView):
    """``/audit/timeline``"""

    @extend_schema(
        operation_id="audit_timeline", parameters=[FilterSerializer, shapes.PageSerializer], responses=shapes.EventPageSerializer
    )
    def get(self, request: ActorRequest) -> Response:
        """All there is of one request, one person or one other subject, oldest first."""
        asked = parsed(FilterSerializer, request.query_params)
        if not {"request", "person", "subject"} & asked.keys():
            raise Invalid("timeline.of_nothing", "Say of what: a request, a person or another subject.")
        return _page(request, wanted_of(request.actor, asked), "audit.read_timeline", is_ascending=True)  # type: ignore[arg-type]


class DisclosuresView(ReadersView):
    """``/audit/disclosures/<request>``"""

    @extend_schema(operation_id="audit_disclosures", parameters=[shapes.PageSerializer], responses=shapes.DisclosurePageSerializer)
    def get(self, request: ActorRequest, case: UUID) -> Response:
        """Which other hospitals learned of a case, when, by whom and to what purpose."""
        found = reading.disclosures(actor=request.actor, case=case_of(case), cut=_cut(request, is_ascending=True))
        return Response(shapes.DisclosurePageSerializer({"results": found.events, "next": found.following}).data)


class BreakGlassView(ReadersView):
    """``/audit/break-glass``"""

    @extend_schema(operation_id="audit_break_glass", parameters=[shapes.PageSerializer], responses=shapes.BreakGlassPageSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Every access that somebody took for an emergency, newest first, and how many nobody has reviewed."""
        found, unreviewed = reading.break_glass(actor=request.actor, cut=_cut(request, is_ascending=False))
        return Response({"results": found.events, "next": found.following, "unreviewed": unreviewed})


class SignInFailuresView(ReadersView):
    """``/audit/sign-in-failures``"""

    @extend_schema(operation_id="audit_sign_in_failures", parameters=[shapes.PageSerializer], responses=shapes.EventPageSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Refused sign-ins of the hospital's people, and former people and devices that came back; newest first."""
        wanted = Wanted(actions=reading.SIGN_IN, outcomes=("refused", "failed"))
        return _page(request, wanted, "audit.read_sign_in_failures")


class ActivityView(ReadersView):
    """``/audit/activity``"""

    @extend_schema(operation_id="audit_activity", parameters=[shapes.SpanSerializer], responses=shapes.ActivitySerializer)
    def get(self, request: ActorRequest) -> Response:
        """Events, refusals and people per hour."""
        found = reading.activity(actor=request.actor, **parsed(shapes.SpanSerializer, request.query_params))
        return Response({"results": [hour | {"hour": hour["hour"].isoformat()} for hour in found]})


class RosterView(ReadersView):
    """``/audit/roster``"""

    @extend_schema(operation_id="audit_roster", responses=shapes.RosterSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Who was given access, when, and when it ended."""
        return Response(shapes.RosterSerializer({"results": reading.roster(actor=request.actor)}).data)


class ReviewsView(ReadersView):
    """``/audit/reviews``"""

    @extend_schema(operation_id="audit_reviews", responses=shapes.ReviewListSerializer)
    def get(self, request: ActorRequest) -> Response:
        """What was reviewed, by whom, with which finding."""
        return Response(shapes.ReviewListSerializer({"results": reviews.read_reviews(actor=request.actor)}).data)

    @extend_schema(operation_id="add_audit_review", request=shapes.NewReviewSerializer, responses={201: shapes.ReviewSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Put on record that something was reviewed. It cannot be changed afterwards."""
        given = parsed(shapes.NewReviewSerializer, request.data)
        made = reviews.add_review(actor=request.actor, review_id=given.pop("id"), **given)
        return Response(shapes.ReviewSerializer(made).data, status=201)


def _page(request: ActorRequest, wanted: Wanted, action: str, *, is_ascending: bool = False) -> Response:
    found = reading.read_events(actor=request.actor, wanted=wanted, cut=_cut(request, is_ascending=is_ascending), action=action)
    return Response({"results": found.events, "next": found.following})


def _cut(request: ActorRequest, *, is_ascending: bool) -> Cut:
    asked: dict[str, Any] = parsed(shapes.PageSerializer, request.query_params)
    return Cut(beyond=asked.get("cursor"), limit=asked["limit"], is_ascending=is_ascending)
