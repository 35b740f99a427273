"""Asking hospitals for a bed.

Invariant: a request, its candidates, their conversations and the first encrypted messages exist together or not at all. In clear it carries
codes from closed lists; words and pictures go into the conversations.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction

from backend.clock import database_now
from backend.errors import Conflict, Invalid
from beds import access
from beds.models import Candidate, EscalationStep, Request
from beds.services.alarms import begin
from beds.services.escalation import steps_of, targets, wait_before
from beds.services.telling import mover, record_request, tell
from beds.transitions import ACKNOWLEDGE_WITHIN, State
from identity.actors import Actor
from identity.models import DutyRole
from messaging.envelopes import Envelope, SealedEpoch
from messaging.services import NewConversation, create_conversations, send_messages

ASKED_AT_MOST = 20


class Need(NamedTuple):
    """What is sought, all of it codes (3-beds, guarantee 5)."""

    category: str
    capabilities: Sequence[str]
    urgency: str
    age_band: str = ""
    sex: str = ""
    transport_mode: str = ""


class Asked(NamedTuple):
    """One hospital to ask: ids made by the client, because they are inside the signed headers."""

    id: UUID
    hospital: UUID
    role: UUID
    conversation: UUID
    epoch: SealedEpoch
    message: Envelope | None = None
    wave: int = 1


@transaction.atomic(savepoint=False)
def create_request(
    *,
    actor: Actor,
    request_id: UUID,
    need: Need,
    asked: Sequence[Asked],
    role: UUID | None = None,
    wave_interval: int | None = None,
) -> Request:
    """Ask several hospitals, each in a conversation of its own: those of the first wave now, the others as drafts.

    ``wave_interval`` are the seconds from one wave to the next, by default the time that the urgency gives to acknowledge.

    Raises:
        Forbidden: ``actor.not_human``, ``role.not_on_duty``.
        Invalid: ``request.cannot_ask``, ``request.hospital_twice``, ``request.role_does_not_answer``, ``request.waves``.
        Conflict: ``request.id_reused``, ``conversation.id_reused``.
        DomainError: what ``create_conversations`` and ``send_messages`` raise, ``epoch.stale_recipients`` above all.
    """
    actor.require_human()
    role = actor.require_role(role)
    roles = _roles_asked(actor, need, asked)
    chains = steps_of(roles)
    now = database_now()
    who = {"origin_id": actor.hospital_id, "requester_id": actor.person_id, "role_id": role}
    request = Request(id=request_id, created_at=now, **who, **need._asdict(), **_waves(need, asked, wave_interval, now))
    candidates = [
        new_candidate(request, roles[one.role], chains[one.role], id=one.id, conversation=one.conversation, wave=one.wave) for one in asked
    ]
    _open_conversations(actor, role, asked, chains)
    _store(request, candidates)
    begin([candidate for candidate in candidates if candidate.asked_at], now)
    record_request(by=mover(actor, role), request=request, candidates=candidates)
    send_messages(actor=actor, envelopes={one.conversation: one.message for one in asked if one.message is not None})
    tell(request, candidates, by=mover(actor, role))
    return access.request_of(actor, request_id)


def _waves(need: Need, asked: Sequence[Asked], interval: int | None, now: datetime) -> dict[str, Any]:
    numbers = {one.wave for one in asked}
    if numbers != set(range(1, len(numbers) + 1)):
        raise Invalid("request.waves", "Number the waves from 1 without a gap.")
    if len(numbers) == 1:
        return {}
    seconds = ACKNOWLEDGE_WITHIN[need.urgency] if interval is None else interval
    return {"wave_interval": seconds, "next_wave_at": now + timedelta(seconds=seconds)}


def _roles_asked(actor: Actor, need: Need, asked: Sequence[Asked]) -> dict[UUID, DutyRole]:
    roles = roles_that_answer(actor, need.category, [one.role for one in asked])
    if any(roles[one.role].hospital_id != one.hospital for one in asked):
        raise Invalid("request.cannot_ask", "One of the duty roles cannot be asked by your hospital.")
    return roles


def roles_that_answer(actor: access.OfHospital, category: str, asked: Sequence[UUID]) -> dict[UUID, DutyRole]:
    """The duty roles to ask, each of another partner hospital, by id.

    Raises:
        Invalid: ``request.cannot_ask``, ``request.hospital_twice``, ``request.role_does_not_answer``.
    """
    roles = access.roles_to_ask(actor, asked)
    if len({role.hospital_id for role in roles.values()}) != len(asked):
        raise Invalid("request.hospital_twice", "Ask each hospital once.")
    for role in roles.values():
        # A role without categories answers for all of its hospital.
        if role.categories and category not in role.categories:
            raise Invalid("request.role_does_not_answer", "One of the duty roles does not answer for this category.", role=str(role.pk))
    return roles


def new_candidate(
    request: Request, role: DutyRole, chain: Sequence[EscalationStep], *, id: UUID, conversation: UUID | None, wave: int = 1
) -> Candidate:
    """Not stored yet. Of the first wave: asked when the request was made."""
    now, is_asked = request.created_at, wave == 1
    return Candidate(
        id=id,
        request=request,
        hospital_id=role.hospital_id,
        role=role,
        conversation_id=conversation,
        state=(State.SUBMITTED if is_asked else State.DRAFT).value,
        wave=wave,
        asked_at=now if is_asked else None,
        acknowledge_by=now + wait_before(1, chain, role.hospital, request.urgency) if is_asked else None,
        created_at=now,
        changed_at=now,
    )


def _open_conversations(actor: Actor, role: UUID | None, asked: Sequence[Asked], chains: Mapping[UUID, Sequence[EscalationStep]]) -> None:
    """Members: the requester, the role acted in, the role asked; messaging adds the archives of both hospitals. Sealed to as well, and let
    in when their time comes: the role of a later wave, and those the asked role's chain leads to.
    """
    new = [_conversation({actor.person_id} | ({role} if role else set()), one, chains[one.role]) for one in asked]
    create_conversations(actor=actor, new=new, kind="case", role=role)


def _conversation(origin: set[UUID], one: Asked, chain: Sequence[EscalationStep]) -> NewConversation:
    members, awaited = (origin | {one.role}, set()) if one.wave == 1 else (origin, {one.role})
    return NewConversation(one.conversation, members, one.epoch, awaited | targets(chain))


def _store(request: Request, candidates: list[Candidate]) -> None:
    try:
        request.save(force_insert=True)
        Candidate.objects.bulk_create(candidates)
    except IntegrityError:
        raise Conflict("request.id_reused", "This id is taken. A retry carries the first Idempotency-Key.") from None
