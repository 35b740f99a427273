"""Beds over HTTP: each view reads the shape, calls one service, shows the result.

Invariant: no rule lives here, and every write happens once per Idempotency-Key.
"""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.errors import NotFound
from backend.idempotency import idempotent
from backend.pagination import Page
from backend.parsing import parsed
from beds import access, serializers, services
from beds.transitions import STEPS, Side
from beds.views.http import IDEMPOTENCY_KEY, HttpRequest
from beds.views.rows import candidate_row, request_detail, request_row
from messaging.envelopes import read_envelope, read_epoch

BY_PEOPLE = sorted(action for action, step in STEPS.items() if step.by != Side.CLOCK)
ACTION = OpenApiParameter("action", str, OpenApiParameter.PATH, enum=BY_PEOPLE)


class RequestsView(APIView):
    @extend_schema(
        operation_id="requests",
        parameters=[serializers.RequestFilter, OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
        responses=serializers.RequestPage,
    )
    def get(self, request: HttpRequest) -> Response:
        """Requests the own hospital made or was asked, newest first."""
        wanted = parsed(serializers.RequestFilter, request.query_params)
        page = Page()
        found = services.read_requests(
            actor=request.actor, page=lambda listed: page.paginate_queryset(listed, request, view=self) or [], **wanted
        )
        return page.get_paginated_response([request_row(one, request.actor) for one in found])

    @extend_schema(
        operation_id="create_request",
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.NewRequest,
        responses={201: serializers.RequestDetail},
    )
    @idempotent
    def post(self, request: HttpRequest) -> Response:
        """Ask several hospitals, at once or in waves."""
        body = parsed(serializers.NewRequest, request.data)
        asked = [_asked(given) for given in body.pop("candidates")]
        request_id, role, interval = body.pop("id"), body.pop("role", None), body.pop("wave_interval", None)
        need = services.Need(**({"capabilities": []} | body))
        made = services.create_request(
            actor=request.actor, request_id=request_id, need=need, asked=asked, role=role, wave_interval=interval
        )
        return Response(request_detail(made, request.actor), status=201)


class RequestView(APIView):
    @extend_schema(operation_id="request", responses=serializers.RequestDetail)
    def get(self, request: HttpRequest, request_id: UUID) -> Response:
        """One request, each candidate with its history."""
        found = services.read_request(actor=request.actor, request_id=request_id)
        return Response(request_detail(found, request.actor))


class CancelView(APIView):
    @extend_schema(
        operation_id="cancel_request", parameters=[IDEMPOTENCY_KEY], request=serializers.CancelIn, responses=serializers.RequestDetail
    )
    @idempotent
    def post(self, request: HttpRequest, request_id: UUID) -> Response:
        """End the request at every hospital asked."""
        services.cancel_request(actor=request.actor, request_id=request_id, **parsed(serializers.CancelIn, request.data))
        found = access.request_of(request.actor, request_id)
        return Response(request_detail(found, request.actor))


class StepView(APIView):
    @extend_schema(
        operation_id="take_step",
        parameters=[IDEMPOTENCY_KEY, ACTION],
        request=serializers.StepIn,
        responses=serializers.CandidateOut,
    )
    @idempotent
    def post(self, request: HttpRequest, candidate_id: UUID, action: str) -> Response:
        """Take one action of the table (docs/life-of-a-bed-request.md) on a candidate."""
        if action not in BY_PEOPLE:
            raise NotFound
        details = parsed(serializers.StepIn, request.data)
        candidate = services.take_step(actor=request.actor, candidate_id=candidate_id, action=action, **details)
        return Response(candidate_row(candidate, request.actor))


class TalkView(APIView):
    @extend_schema(
        operation_id="begin_conversation", parameters=[IDEMPOTENCY_KEY], request=serializers.NewTalk, responses=serializers.CandidateOut
    )
    @idempotent
    def post(self, request: HttpRequest, candidate_id: UUID) -> Response:
        """Begin the conversation with a candidate that software asked, which has none."""
        body = parsed(serializers.NewTalk, request.data)
        told = {"conversation_id": body["id"], "epoch": read_epoch(body["epoch"]), "role": body.get("role")}
        candidate = services.begin_conversation(actor=request.actor, candidate_id=candidate_id, **told)
        return Response(candidate_row(candidate, request.actor))


def _asked(given: dict[str, Any]) -> services.Asked:
    conversation, message = given["conversation"], given.get("message")
    return services.Asked(
        id=given["id"],
        hospital=given["hospital"],
        role=given["role"],
        conversation=conversation["id"],
        epoch=read_epoch(conversation["epoch"]),
        message=read_envelope(message) if message else None,
        wave=given.get("wave", 1),
    )
