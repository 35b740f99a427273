"""What the end of a partnership does to requests between the two hospitals.

Invariant: in the transaction that ends it, whatever is not a promise yet ends, and the conversations with it. A promised bed stands until
the patient has arrived or either side gives it up, for a patient on the way must not lose the bed; then its conversation closes as well.
"""

from uuid import UUID

from django.db.models import Q

from beds.models import Candidate, Request
from beds.services import waves
from beds.services.stepping import lock_request, move
from beds.services.telling import Mover, tell
from beds.transitions import COMMITTED, OPEN, PARTNERSHIP_ENDED, TERMINAL, State
from identity.actors import Actor
from messaging.services import close_between


def part(actor: Actor, partner_id: UUID) -> None:
    """End what is open between the actor's hospital and ``partner_id``. In the caller's transaction, after the partnership's own end."""
    here, there = actor.hospital_id, partner_id
    between = Q(request__origin=here, hospital=there) | Q(request__origin=there, hospital=here)
    going = Candidate.objects.filter(between).exclude(state__in=TERMINAL)
    for request_id in going.order_by("request_id").values_list("request_id", flat=True).distinct():
        _end_open(lock_request(request_id), between, by=Mover(actor.agent()))
    promised = going.filter(state__in=COMMITTED).values_list("conversation_id", flat=True)
    close_between(agent=actor.agent(), hospitals=(here, there), but=[talk for talk in promised if talk])


def _end_open(request: Request, between: Q, *, by: Mover) -> None:
    ending = list(request.candidates.filter(between, state__in=OPEN | {State.DRAFT}).order_by("pk"))
    for candidate in ending:
        move(request, candidate, "part", by=by, reason=PARTNERSHIP_ENDED)
    if ending:
        tell(request, ending, by=by)
        waves.advance(request)
