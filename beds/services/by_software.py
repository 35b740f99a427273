"""What a hospital's own software does with requests: asks, and takes the steps that need nobody's signature.

Invariant: it holds no key, so it writes to nobody, and neither promises nor takes a bed (protocol 12); it asks for a duty role of its
hospital, whose holder stands for the request. The same order asked again is the same request: the database's unique constraint says so.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from audit.events import Agent
from backend.clock import database_now
from backend.errors import Changed, Conflict, Forbidden
from beds import access
from beds.models import Candidate, Request
from beds.services.alarms import begin
from beds.services.asking import Need, new_candidate, roles_that_answer
from beds.services.escalation import steps_of
from beds.services.moving import check_reason, step_on
from beds.services.stepping import lock_request
from beds.services.telling import Mover, record_request, tell
from beds.transitions import OTHER_CONFIRMED, STEPS, Side

SIGNED: Final = frozenset({"hold", "confirm"})


class Software(NamedTuple):
    """``agent`` is the software in the log's words, ``name`` what its registrar calls it."""

    hospital_id: UUID
    name: str
    agent: Agent


@transaction.atomic
def request_by_software(*, software: Software, order: bytes, need: Need, role: UUID, asked: Sequence[UUID]) -> tuple[Request, bool]:
    """Ask the duty roles ``asked``, all at once, for the own hospital's ``role``. ``order`` is the SHA-256 of the software's number.

    Returns:
        The request, and whether it is new: of an order that is known, what was asked first.
    Raises:
        Invalid: ``request.no_such_role``: not an open role of the own hospital; and as ``roles_that_answer``.
    """
    known = Request.objects.filter(origin=software.hospital_id, order=order)
    if (found := known.first()) is not None:
        return access.request_of(software, found.pk), False
    own = access.own_role(software, role)
    roles = roles_that_answer(software, need.category, asked)
    who = {"origin_id": software.hospital_id, "software": software.name, "order": order, "role_id": own.pk}
    request = Request(id=uuid4(), created_at=database_now(), **who, **need._asdict())
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError:
        # The same order came at the same time and was first; its request is committed, or this would still wait.
        return access.request_of(software, known.get().pk), False
    chains = steps_of(roles)
    candidates = [new_candidate(request, roles[one], chains[one], id=uuid4(), conversation=None) for one in asked]
    Candidate.objects.bulk_create(candidates)
    begin(candidates, request.created_at)
    by = Mover(software.agent, software=software.name)
    record_request(by=by, request=request, candidates=candidates)
    tell(request, candidates, by=by)
    return access.request_of(software, request.pk), True


@transaction.atomic
def take_step_by_software(*, software: Software, candidate_id: UUID, version: int, action: str, reason: str = "") -> Candidate:
    """One action of the table that belongs to the software's hospital, on top of ``version``.

    Raises:
        NotFound: not a candidate of its hospital. Forbidden: ``candidate.other_side``. Invalid: ``reason.unknown``.
        Changed: ``candidate.changed`` with the present version. Conflict: ``candidate.wrong_state``, ``candidate.needs_signature``.
    """
    candidate = access.candidate_of(software, candidate_id)
    step = STEPS[action]
    if step.by not in sides_of(software, candidate):
        raise Forbidden("candidate.other_side", "This step is the other hospital's, or the clock's.")
    if action in SIGNED:
        raise Conflict(
            "candidate.needs_signature", "A bed is promised and taken by a person, whose device signs it.", state=candidate.state
        )
    check_reason(step.reasons - {OTHER_CONFIRMED}, reason)
    request = lock_request(candidate.request_id)
    if candidate.version != version:
        raise Changed("candidate.changed", "The request has moved on at this hospital since you read it.", version=candidate.version)
    step_on(request, candidate, action, by=Mover(software.agent, software=software.name), reason=reason)
    return access.candidate_of(software, candidate_id)


def sides_of(software: access.OfHospital, candidate: Candidate) -> frozenset[Side]:
    """Its hospital asks, or is asked; never both."""
    return frozenset({Side.ORIGIN if candidate.request.origin_id == software.hospital_id else Side.DESTINATION})
