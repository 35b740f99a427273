"""The first who writes about a request that software made begins its conversation.

Invariant: a candidate has one conversation or none, decided under the request's lock; it begins as if a person had asked in the duty role
that stands for the request: the roles of both sides belong, those alarmed so far too, those of the chain are awaited.
"""

from uuid import UUID

from django.db import transaction

from backend.errors import Conflict
from beds import access
from beds.models import Candidate
from beds.services.escalation import steps_of, targets
from beds.services.stepping import lock_request
from beds.services.telling import mover, people_concerned, record_step, ring
from beds.transitions import TERMINAL, Side, State
from identity.actors import Actor
from messaging.envelopes import SealedEpoch
from messaging.services import NewConversation, create_conversations


@transaction.atomic(savepoint=False)
def begin_conversation(
    *, actor: Actor, candidate_id: UUID, conversation_id: UUID, epoch: SealedEpoch, role: UUID | None = None
) -> Candidate:
    """``role`` is the duty role acted in, by default the one that the actor holds of those that stand for the side.

    Raises:
        NotFound: not a candidate of the actor's hospital. Forbidden: ``role.not_on_duty``, ``request.not_yours``, ``actor.not_human``.
        Conflict: ``candidate.conversation_begun`` with the ``conversation``, ``candidate.wrong_state``, ``conversation.id_reused``.
        DomainError: what ``create_conversations`` raises, ``epoch.stale_recipients`` above all.
    """
    candidate = access.candidate_of(actor, candidate_id)
    actor.require_human()
    side = Side.ORIGIN if candidate.request.origin_id == actor.hospital_id else Side.DESTINATION
    role = access.role_to_act_in(actor, candidate, side, role)
    request = lock_request(candidate.request_id)
    access.require_role_still(actor, role)
    _require_none_yet(candidate)
    members = {principal for principal in (request.requester_id, request.role_id, *access.answering_roles(candidate)) if principal}
    awaited = targets(steps_of([candidate.role_id])[candidate.role_id]) - members
    new = NewConversation(conversation_id, members, epoch, awaited)
    create_conversations(actor=actor, new=[new], kind="case", role=role)
    Candidate.objects.filter(pk=candidate.pk).update(conversation=conversation_id)
    record_step(by=mover(actor, role), verb="begin-conversation", request=request, candidate=candidate)
    ring(request, people_concerned(request, [candidate]))
    return access.candidate_of(actor, candidate_id)


def _require_none_yet(candidate: Candidate) -> None:
    present = Candidate.objects.only("state", "conversation").get(pk=candidate.pk)
    told = {"state": present.state}
    if present.conversation_id:
        detail = "Somebody has begun this conversation: write in that."
        raise Conflict("candidate.conversation_begun", detail, conversation=str(present.conversation_id), **told)
    if State(present.state) in TERMINAL:
        raise Conflict("candidate.wrong_state", "The request has ended at this hospital.", **told)
