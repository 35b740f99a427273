"""One step of a candidate along the table.

Invariant: one function changes ``Candidate.state``, by an UPDATE that names the state and version it was read in; whoever loses a race gets
the present state and has changed nothing. The request's row is locked first, so that at most one candidate is confirmed and the request
closes with its last candidate, whoever ends it.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, F, OuterRef

from backend.clock import database_now
from backend.errors import Conflict
from beds.models import Candidate, Request, Transition
from beds.services.promises import end_promise, turn_into_occupancy
from beds.services.telling import Mover, record_step, ring_board
from beds.transitions import COMMITTED, STEPS, TERMINAL, State
from identity.access import partner_hospitals
from messaging.services import close_conversation

HAS_PROMISE = COMMITTED | {State.HELD}
NO_TIMES: Mapping[str, datetime] = {}


def lock_request(request_id: UUID) -> Request:
    return Request.objects.select_for_update().get(pk=request_id)


def move(
    request: Request,
    candidate: Candidate,
    action: str,
    *,
    by: Mover,
    reason: str = "",
    digest: bytes | None = None,
    times: Mapping[str, datetime] = NO_TIMES,
) -> None:
    """One row of the table: state, history, audit record (with the ``digest`` of what was signed), and the end of the promise when the
    state is the last.

    ``times`` are columns of the candidate that begin with the step.

    Raises:
        Conflict: ``candidate.wrong_state`` (``offer.expired`` for a confirm that came after the clock's own step) with the present state.
    """
    step, source, now = STEPS[action], candidate.state, database_now()
    # State and version as they were read: whoever moved the candidate since then was first, even if the table allows this step again.
    unmoved = Candidate.objects.filter(pk=candidate.pk, state=source, version=candidate.version).filter(state__in=step.sources)
    if not unmoved.update(state=step.target, reason=reason, version=F("version") + 1, changed_at=now, **times):
        raise lost(candidate, action)
    candidate.state, candidate.reason, candidate.version, candidate.changed_at = step.target.value, reason, candidate.version + 1, now
    for name, time in times.items():
        setattr(candidate, name, time)
    write_history(candidate, action, by=by, source=source, now=now)
    record_step(by=by, verb=action, request=request, candidate=candidate, reason=reason, source=source, digest=digest)
    if step.target in TERMINAL:
        _end(request, candidate, source, by=by)


def write_history(candidate: Candidate, action: str, *, by: Mover, source: str, now: datetime) -> None:
    who = {"person_id": by.person, "role_id": by.role, "software": by.software}
    what = {"action": action, "source": source, "target": candidate.state, "reason": candidate.reason}
    Transition.objects.create(candidate=candidate, created_at=now, **what, **who)


def lost(candidate: Candidate, action: str) -> Conflict:
    present = Candidate.objects.values_list("state", flat=True).get(pk=candidate.pk)
    if action == "confirm" and present == State.EXPIRED:
        return Conflict("offer.expired", "The bed was held only until a time that has passed.", state=present)
    return Conflict("candidate.wrong_state", "The request has moved on at this hospital.", state=present)


def _end(request: Request, candidate: Candidate, source: str, *, by: Mover) -> None:
    if candidate.state == State.ARRIVED:
        turn_into_occupancy(candidate)
    elif source in HAS_PROMISE:
        end_promise(candidate)
    if source in HAS_PROMISE:
        ring_board(candidate.hospital_id)
    if source in COMMITTED and candidate.conversation_id and candidate.hospital_id not in partner_hospitals(request.origin_id):
        # The promise outlived the partnership (``parting``); nothing does that now.
        close_conversation(candidate.conversation_id, agent=by.agent, hospitals=(request.origin_id, candidate.hospital_id))
    still_going = Candidate.objects.filter(request=OuterRef("pk")).exclude(state__in=TERMINAL)
    Request.objects.filter(~Exists(still_going), pk=request.pk, closed_at=None).update(closed_at=candidate.changed_at, next_wave_at=None)
