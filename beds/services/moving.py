"""Moving a candidate along the table.

Invariant: one function changes ``Candidate.state``, by an UPDATE that names the state and version it was read in; whoever loses a race gets
the present state and has changed nothing. The request's row is locked first, so that at most one candidate is confirmed and the request
closes with its last candidate, whoever ends it.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from backend.errors import Conflict, Invalid
from beds import access
from beds.models import Candidate, Request, Transition
from beds.services.promises import database_now, end_promise, keep_promise, place_hold, turn_into_occupancy
from beds.services.signing import Accepting, Signed, keep, read_signed, require_offer
from beds.services.telling import Mover, mover, record_step, ring_board, tell
from beds.transitions import CANCEL_REASONS, COMMITTED, OPEN, OTHER_CONFIRMED, STEPS, TERMINAL, State
from identity.actors import Actor

HAS_PROMISE = COMMITTED | {State.HELD}


@transaction.atomic(savepoint=False)
def take_step(
    *,
    actor: Actor,
    candidate_id: UUID,
    action: str,
    role: UUID | None = None,
    reason: str = "",
    offer: Signed | None = None,
    acceptance: Signed | None = None,
) -> Candidate:
    """Take one action of ``transitions.STEPS`` that belongs to people; ``hold`` and ``confirm`` with what the acting device signed.

    Raises:
        NotFound: not a candidate of the actor's hospital. Forbidden: ``role.not_on_duty``, ``request.not_yours``.
        Invalid: ``reason.unknown``.
        Conflict: ``candidate.wrong_state`` with the present state, ``offer.expired``, ``request.already_confirmed``.
        DomainError: what ``read_signed`` and ``place_hold`` raise.
    """
    candidate = access.candidate_of(actor, candidate_id)
    actor.require_human()
    step = STEPS[action]
    by = mover(actor, access.role_to_act_in(actor, candidate, step.by, role))
    check_reason(step.reasons - {OTHER_CONFIRMED}, reason)
    signed = {"hold": offer, "confirm": acceptance}
    promise = read_signed(signed[action], actor=actor, candidate=candidate, action=action, role=by.role) if action in signed else None
    request = lock_request(candidate.request_id)
    access.require_role_still(actor, by.role)
    if isinstance(promise, Accepting):
        _confirm(request, candidate, by, promise)
    else:
        move(request, candidate, action, by=by, reason=reason, digest=promise and promise.digest)
        if promise:
            place_hold(candidate=candidate, offer=promise.header)
            ring_board(candidate.hospital_id)
        tell(request, [candidate], by=by)
    if promise:
        keep(promise, actor=actor, candidate=candidate)
    return access.candidate_of(actor, candidate_id)


def _confirm(request: Request, candidate: Candidate, by: Mover, accepting: Accepting) -> None:
    """Take one hospital's held bed and withdraw the request everywhere else."""
    candidates = list(request.candidates.order_by("pk"))
    if any(other.state in COMMITTED for other in candidates):
        state = next(one.state for one in candidates if one.pk == candidate.pk)
        raise Conflict("request.already_confirmed", "A bed at one hospital is confirmed for this request.", state=state)
    move(request, candidate, "confirm", by=by, digest=accepting.digest)
    require_offer(accepting, candidate)
    others = [other for other in candidates if other.pk != candidate.pk and other.state in OPEN]
    for other in others:
        move(request, other, "withdraw", by=by, reason=OTHER_CONFIRMED)
    keep_promise(candidate)
    tell(request, [candidate, *others], by=by)


@transaction.atomic(savepoint=False)
def cancel_request(*, actor: Actor, request_id: UUID, reason: str, role: UUID | None = None) -> None:
    """End every open or committed candidate of a request that is still at the origin's hands (not yet in transit).

    Raises:
        NotFound: not the actor's hospital's. Forbidden: ``request.not_yours``. Invalid: ``reason.unknown``.
        Conflict: ``request.closed``, or ``candidate.wrong_state`` while the patient is on the way: that candidate is diverted or arrives.
    """
    found = access.request_of(actor, request_id)
    actor.require_human()
    role = access.role_at_origin(actor, found, role)
    check_reason(CANCEL_REASONS, reason)
    request, by = lock_request(request_id), mover(actor, role)
    access.require_role_still(actor, role)
    candidates = list(request.candidates.exclude(state__in=TERMINAL).order_by("pk"))
    if not candidates:
        raise Conflict("request.closed", "Every hospital's part of this request has ended.")
    for candidate in candidates:
        move(request, candidate, "cancel", by=by, reason=reason)
    tell(request, candidates, by=by)


def check_reason(known: frozenset[str], reason: str) -> None:
    """A step with reasons takes exactly one of them; the others take none, so that no free text comes in this way."""
    if (reason not in known) if known else reason:
        raise Invalid("reason.unknown", "Give one of the step's reason codes.", reasons=sorted(known))


def lock_request(request_id: UUID) -> Request:
    return Request.objects.select_for_update().get(pk=request_id)


def move(request: Request, candidate: Candidate, action: str, *, by: Mover, reason: str = "", digest: bytes | None = None) -> None:
    """One row of the table: state, history, audit record (with the ``digest`` of what was signed), and the end of the promise when the
    state is the last.

    Raises:
        Conflict: ``candidate.wrong_state`` (``offer.expired`` for a confirm that came after the clock's own step) with the present state.
    """
    step, source, now = STEPS[action], candidate.state, database_now()
    # State and version as they were read: whoever moved the candidate since then was first, even if the table allows this step again.
    unmoved = Candidate.objects.filter(pk=candidate.pk, state=source, version=candidate.version).filter(state__in=step.sources)
    if not unmoved.update(state=step.target, reason=reason, version=F("version") + 1, changed_at=now):
        raise _lost(candidate, action)
    candidate.state, candidate.reason, candidate.version, candidate.changed_at = step.target.value, reason, candidate.version + 1, now
    write_history(candidate, action, by=by, source=source, now=now)
    record_step(by=by, verb=action, request=request, candidate=candidate, reason=reason, source=source, digest=digest)
    if step.target in TERMINAL:
        _end(request, candidate, source)


def write_history(candidate: Candidate, action: str, *, by: Mover, source: str, now: datetime) -> None:
    who = {"person_id": by.person, "role_id": by.role}
    what = {"action": action, "source": source, "target": candidate.state, "reason": candidate.reason}
    Transition.objects.create(candidate=candidate, created_at=now, **what, **who)


def _lost(candidate: Candidate, action: str) -> Conflict:
    present = Candidate.objects.values_list("state", flat=True).get(pk=candidate.pk)
    if action == "confirm" and present == State.EXPIRED:
        return Conflict("offer.expired", "The bed was held only until a time that has passed.", state=present)
    return Conflict("candidate.wrong_state", "The request has moved on at this hospital.", state=present)


def _end(request: Request, candidate: Candidate, source: str) -> None:
    if candidate.state == State.ARRIVED:
        turn_into_occupancy(candidate)
    elif source in HAS_PROMISE:
        end_promise(candidate)
    if source in HAS_PROMISE:
        ring_board(candidate.hospital_id)
    still_going = Candidate.objects.filter(request=OuterRef("pk")).exclude(state__in=TERMINAL)
    Request.objects.filter(~Exists(still_going), pk=request.pk, closed_at=None).update(closed_at=candidate.changed_at)
