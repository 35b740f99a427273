"""Requests and candidates as they are shown: plain values in the very shape of ``beds.serializers.RequestOut`` and its parts.

Invariant: one function per noun, and a test holds their names against the shapes. Not by the serializers themselves: a page of 50 requests
has hundreds of candidates with objects of their own, and nested serializers take several times as long as the database.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from beds import access
from beds.escalation import step_at, steps_for
from beds.models import Alarm, Candidate, Hold, Request, Transition
from beds.services.receipts import as_json
from beds.transitions import ESCALATIONS_AT_MOST, TERMINAL, State, actions_for
from identity.actors import Actor

_NEED = ("category", "capabilities", "urgency", "age_band", "sex", "transport_mode")


@dataclass(slots=True)
class _Kept:
    """A step of a chain as ``access`` reads it with its candidate."""

    variant: str
    wait: int
    target_role_id: UUID | None
    whom: str
    how: str


def request_row(request: Request, actor: Actor) -> dict[str, Any]:
    """As the actor's side sees it: the request's own end and its waves would tell an asked hospital that others were asked, and when they
    were done.
    """
    is_origin, candidates = request.origin_id == actor.hospital_id, request.candidates.all()
    ends = [request.closed_at] if is_origin else [one.changed_at for one in candidates if one.state in TERMINAL]
    who = {"id": request.pk, "origin": request.origin_id, "requester": request.requester_id, "role": request.role_id}
    return who | {
        "software": request.software,
        **{name: getattr(request, name) for name in _NEED},
        "created_at": _moment(request.created_at),
        "closed_at": _moment(ends[0] if ends else None),
        "wave_interval": request.wave_interval if is_origin else None,
        "next_wave_at": _moment(request.next_wave_at if is_origin else None),
        "candidates": [candidate_row(one, actor) for one in candidates],
    }


def request_detail(request: Request, actor: Actor) -> dict[str, Any]:
    """``request_row`` with each candidate's history, and ``similar`` requests."""
    row = request_row(request, actor)
    for shown, candidate in zip(row["candidates"], request.candidates.all(), strict=True):
        shown["transitions"] = [_transition_row(one) for one in candidate.transitions.all()]
    return row | {"similar": request.similar}


def candidate_row(candidate: Candidate, actor: Actor) -> dict[str, Any]:
    """As the actor's side sees it. How many were asked before an asked hospital is not its to know: ``wave`` is null there."""
    return {
        "id": candidate.pk,
        "hospital": candidate.hospital_id,
        "role": candidate.role_id,
        "conversation": candidate.conversation_id,
        "state": candidate.state,
        "reason": candidate.reason,
        "wave": candidate.wave if candidate.request.origin_id == actor.hospital_id else None,
        "asked_at": _moment(candidate.asked_at),
        "acknowledge_by": _moment(candidate.acknowledge_by),
        "escalation": candidate.escalation,
        "alarms": [_alarm_row(alarm) for alarm in candidate.calls],
        "next_alarm": _next_alarm(candidate),
        "hold": _standing_hold(candidate),
        "offer": as_json(candidate.offer) if candidate.state == State.HELD and candidate.offer else None,
        "version": candidate.version,
        "changed_at": _moment(candidate.changed_at),
        "actions": _actions(candidate, actor),
    }


def _alarm_row(alarm: Alarm) -> dict[str, Any]:
    """A duty role called to the request; who stood behind it is its hospital's own."""
    row = {"position": alarm.position, "role": alarm.role_id, "whom": alarm.whom, "how": alarm.how}
    times = {name: _moment(getattr(alarm, name)) for name in ("raised_at", "reached_at", "failed_at")}
    return row | times | {"failure": alarm.failure}


def _next_alarm(candidate: Candidate) -> dict[str, Any] | None:
    position = candidate.escalation + 1
    if candidate.state != State.SUBMITTED or position > ESCALATIONS_AT_MOST:
        return None
    kept = [_Kept(**step) for step in candidate.chain or ()]
    step = step_at(steps_for(kept, candidate.request.urgency), position, within=0)
    return {"role": step.target or candidate.role_id, "whom": step.whom, "how": step.how}


def _standing_hold(candidate: Candidate) -> dict[str, Any] | None:
    """The promise while there is one; a hold that has ended is history."""
    hold: Hold | None = None if candidate.state in TERMINAL else getattr(candidate, "hold", None)
    if hold is None:
        return None
    where = {"capacity": hold.capacity_id, "unit": hold.capacity.unit_id, "bed": hold.bed_id}
    return where | {"expires_at": _moment(hold.during.upper)}


def _actions(candidate: Candidate, actor: Actor) -> list[str]:
    """What the table allows the actor now."""
    actions = actions_for(candidate.state, frozenset(access.sides_of(actor, candidate, candidate.request)))
    return [action for action in actions if action != "confirm" or candidate.hold.during.upper > timezone.now()]


def _transition_row(step: Transition) -> dict[str, Any]:
    row = {name: getattr(step, name) for name in ("action", "source", "target", "reason")}
    return row | {"person": step.person_id, "software": step.software, "role": step.role_id, "at": _moment(step.created_at)}


def _moment(at: datetime | None) -> str | None:
    """As ``DATETIME_FORMAT`` has it, microseconds always."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
