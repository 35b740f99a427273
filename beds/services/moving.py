"""What people do with a candidate, and with a request.

Invariant: who acts is who may, in the role held under the request's lock; whoever loses a race gets a domain error and has changed nothing.
"""

from uuid import UUID

from django.db import transaction

from backend.errors import Conflict, Invalid
from beds import access
from beds.models import Candidate, Request
from beds.services import waves
from beds.services.promises import keep_promise, place_hold
from beds.services.signing import Accepting, Signed, keep, read_signed, require_offer
from beds.services.stepping import lock_request, move
from beds.services.telling import Mover, mover, ring_board, tell
from beds.transitions import CANCEL_REASONS, COMMITTED, OPEN, OTHER_CONFIRMED, STEPS, TERMINAL
from identity.actors import Actor


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
    elif promise:
        move(request, candidate, action, by=by, digest=promise.digest)
        place_hold(candidate=candidate, offer=promise.header)
        ring_board(candidate.hospital_id)
        tell(request, [candidate], by=by)
    else:
        step_on(request, candidate, action, by=by, reason=reason)
    if promise:
        keep(promise, actor=actor, candidate=candidate)
    return access.candidate_of(actor, candidate_id)


def step_on(request: Request, candidate: Candidate, action: str, *, by: Mover, reason: str) -> None:
    """A step that promises nothing, whoever takes it. Under the request's lock."""
    if action == "submit":
        waves.submit(request, candidate, by=by)
        return
    move(request, candidate, action, by=by, reason=reason)
    tell(request, [candidate], by=by)
    waves.advance(request)


def _confirm(request: Request, candidate: Candidate, by: Mover, accepting: Accepting) -> None:
    """Take one hospital's held bed and withdraw the request everywhere else."""
    candidates = list(request.candidates.order_by("pk"))
    if any(other.state in COMMITTED for other in candidates):
        state = next(one.state for one in candidates if one.pk == candidate.pk)
        raise Conflict("request.already_confirmed", "A bed at one hospital is confirmed for this request.", state=state)
    move(request, candidate, "confirm", by=by, digest=accepting.digest)
    require_offer(accepting, candidate)
    waves.stop(request, by=by)
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
