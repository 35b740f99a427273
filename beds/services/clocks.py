"""What happens when nobody acts: holds run out, overdue requests are raised and at last given up, and the next hospitals are asked.

Invariant: correctness never depends on this running. A step is one transaction under the request's lock, conditional on what was overdue,
so two sweepers do nothing twice, and after an outage each overdue request is raised once, late, not once per missed wait.
"""

from collections.abc import Callable
from uuid import UUID

from django.db.models import QuerySet

from backend.clock import database_now
from beds.models import Candidate, Request
from beds.services.alarms import raise_next, watch
from beds.services.apart import apart
from beds.services.promises import live_holds
from beds.services.stepping import move
from beds.services.telling import THE_CLOCK, tell
from beds.services.waves import sweep_waves
from beds.transitions import ESCALATIONS_AT_MOST, State

BATCH = 200


def sweep() -> int:
    """Do what is due now; returns how many candidates were moved or raised, and requests went on to their next wave."""
    now = database_now()
    done = [_due(Candidate.objects.filter(state=State.HELD, hold__during__endswith__lte=now), _expire)]
    done += [_due(Candidate.objects.filter(state=State.SUBMITTED, acknowledge_by__lte=now), _raise_or_give_up)]
    return sum(done) + watch(_under_lock) + sweep_waves()


def _due(overdue: QuerySet[Candidate], step: Callable[[Request, UUID], bool]) -> int:
    due = list(overdue.order_by("acknowledge_by").values_list("pk", "request_id")[:BATCH])
    return sum(_under_lock(request_id, candidate_id, step) for candidate_id, request_id in due)


@apart
def _under_lock(request_id: UUID, candidate_id: UUID, step: Callable[[Request, UUID], bool]) -> bool:
    # Another sweeper, or a person, has it: nothing to wait for, the next run looks again.
    request = Request.objects.select_for_update(skip_locked=True).filter(pk=request_id).first()
    return request is not None and step(request, candidate_id)


def _expire(request: Request, candidate_id: UUID) -> bool:
    candidate = request.candidates.filter(pk=candidate_id, state=State.HELD).first()
    if candidate is None or live_holds(database_now()).filter(candidate=candidate).exists():
        return False
    move(request, candidate, "expire", by=THE_CLOCK)
    tell(request, [candidate], by=THE_CLOCK)
    return True


def _raise_or_give_up(request: Request, candidate_id: UUID) -> bool:
    now = database_now()
    overdue = request.candidates.filter(pk=candidate_id, state=State.SUBMITTED, acknowledge_by__lte=now)
    candidate = overdue.select_related("hospital").first()
    if candidate is None:
        return False
    if candidate.escalation >= ESCALATIONS_AT_MOST:
        move(request, candidate, "give-up", by=THE_CLOCK)
    else:
        raise_next(request, candidate, now)
    tell(request, [candidate], by=THE_CLOCK)
    return True
