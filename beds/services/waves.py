"""Asking hospitals one after the other.

Invariant: a hospital of a later wave is a draft until its wave starts, by hand, by the clock, or with the end of the last hospital that was
asked; before that nothing of it leaves the origin. A wave starts once, under the request's lock and with everything that makes the hospital
a party: its time to acknowledge, its membership of the conversation, its audit log. When it is due follows from columns, so an outage makes
it late and never two at once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from backend.clock import database_now
from backend.errors import Invalid
from beds import access
from beds.models import Candidate, Request
from beds.services.alarms import begin
from beds.services.apart import apart
from beds.services.escalation import steps_of, wait_before
from beds.services.stepping import lost, move
from beds.services.telling import THE_CLOCK, Mover, tell
from beds.transitions import CANNOT_BE_ASKED, COMMITTED, ENGAGED, State, is_next_wave_due
from messaging.services import admit

BATCH = 200


def submit(request: Request, candidate: Candidate, *, by: Mover) -> None:
    """Ask the candidate's whole wave now, whatever the others are doing. Under the request's lock.

    Raises:
        Conflict: ``candidate.wrong_state``: it is no draft any more.
        Invalid: ``request.cannot_ask``: its role was closed or the partnership has ended since the request was made.
    """
    wave = [one for one in _drafts(request) if one.wave == candidate.wave]
    if candidate.pk not in {one.pk for one in wave}:
        raise lost(candidate, "submit")
    if not access.roles_still_to_ask(request, [candidate.role_id]):
        raise Invalid("request.cannot_ask", "One of the duty roles cannot be asked by your hospital.")
    _ask(request, wave, "submit", by=by)


def advance(request: Request) -> bool:
    """Ask the next wave if it is due; true if one was. Under the request's lock, after whatever may have made it due."""
    has_asked = False
    while request.next_wave_at is not None and (wave := _next_wave(request)):
        states = request.candidates.values_list("state", flat=True)
        if not is_next_wave_due(states, is_late=request.next_wave_at <= database_now()):
            break
        _ask(request, wave, "ask-next", by=THE_CLOCK)
        has_asked = True
    return has_asked


def stop(request: Request, *, by: Mover) -> None:
    """A bed is found: nobody else is asked."""
    for draft in _drafts(request):
        move(request, draft, "cancel", by=by, reason="superseded")
    _wait_until(request, None)


def sweep_waves() -> int:
    """Ask the waves that are due now; returns how many requests moved on."""
    return sum(_advance_alone(request_id) for request_id in _due(database_now()))


def _due(now: datetime) -> list[UUID]:
    """As ``is_next_wave_due``, in SQL: a request that somebody is dealing with is not looked at again and again."""
    theirs = Candidate.objects.filter(request=OuterRef("pk"))
    has_next = Exists(theirs.filter(state=State.DRAFT))
    is_held_back = Exists(theirs.filter(state__in=ENGAGED | COMMITTED))
    is_time = Q(next_wave_at__lte=now) | ~Exists(theirs.filter(state=State.SUBMITTED))
    due = Request.objects.filter(has_next & ~is_held_back & is_time, next_wave_at__isnull=False)
    return list(due.order_by("next_wave_at").values_list("pk", flat=True)[:BATCH])


@apart
def _advance_alone(request_id: UUID) -> bool:
    # Another sweeper, or a person, has it: nothing to wait for, the next run looks again.
    request = Request.objects.select_for_update(skip_locked=True).filter(pk=request_id).first()
    return request is not None and advance(request)


def _drafts(request: Request) -> list[Candidate]:
    return list(request.candidates.filter(state=State.DRAFT).select_related("hospital").order_by("wave", "pk"))


def _next_wave(request: Request) -> list[Candidate]:
    drafts = _drafts(request)
    if not drafts:
        _wait_until(request, None)
    return [draft for draft in drafts if draft.wave == drafts[0].wave]


def _ask(request: Request, wave: Sequence[Candidate], action: str, *, by: Mover) -> None:
    now, askable = database_now(), access.roles_still_to_ask(request, [draft.role_id for draft in wave])
    asked = [draft for draft in wave if draft.role_id in askable]
    chains = steps_of([draft.role_id for draft in asked])
    for draft in asked:
        wait = wait_before(1, chains[draft.role_id], draft.hospital, request.urgency)
        move(request, draft, action, by=by, times={"asked_at": now, "acknowledge_by": now + wait})
        if draft.conversation_id:
            admit(conversation_id=draft.conversation_id, principals=[draft.role_id], agent=by.agent)
    begin(asked, now)
    for draft in wave:
        if draft not in asked:
            move(request, draft, "drop", by=THE_CLOCK, reason=CANNOT_BE_ASKED)
    # Nobody to wait for: the next wave's turn is now.
    _wait_until(request, now + timedelta(seconds=request.wave_interval or 0) if asked else now)
    tell(request, wave, by=by)


def _wait_until(request: Request, then: datetime | None) -> None:
    """``then`` holds only while somebody waits."""
    waiting = Candidate.objects.filter(request=OuterRef("pk"), state=State.DRAFT)
    if then is None or not Request.objects.filter(Exists(waiting), pk=request.pk).update(next_wave_at=then):
        then = None
        Request.objects.filter(pk=request.pk).update(next_wave_at=None)
    request.next_wave_at = then
