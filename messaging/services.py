"""What people do with conversations and messages.

Invariant: each function is one transaction with its audit records in it; whoever loses a race gets a domain error and
has changed nothing. Nobody is sealed to who is neither member nor awaited, and none of these is left out, with the keys
that are current at that moment.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from audit.events import Event
from audit.services import record, record_refused
from backend.errors import Conflict, DomainError, Invalid, NotFound
from backend.realtime import ring_after_commit
from identity.access import partner_hospitals, people_behind
from identity.actors import Actor
from identity.models import Hospital, PrincipalKey
from identity.services import current_keys
from messaging import access
from messaging.admission import admit
from messaging.commands import Outcome, run
from messaging.envelopes import FORGED, Envelope, SealedEpoch, check_epoch, check_message
from messaging.models import AwaitedMember, Conversation, Epoch, EpochWrap, Member
from messaging.pushes import owe_push
from messaging.receipts import Acknowledge, Deliver
from messaging.sending import Send
from wardline_client.protocol.encoding import encode, sha256
from wardline_client.protocol.epochs import EpochHeader

__all__ = [
    "Envelope",
    "SealedEpoch",
    "acknowledge_message",
    "admit",
    "create_conversation",
    "create_epoch",
    "mark_delivered",
    "owe_push",
    "send_message",
]


def send_message(*, actor: Actor, conversation_id: UUID, envelope: Envelope) -> Outcome:
    """Store and announce a message; in the caller's transaction when there is one. ``status`` 200 instead of 201: it was here already.

    Raises:
        Invalid, TooLarge: the envelope breaks the protocol, or is another's (``signature.invalid``, ``envelope.wrong_sender`` ...).
        Unauthenticated, NotFound, Forbidden: not, or no longer, the actor's to write to; ``actor.not_human``.
        Conflict: ``message.id_reused``, ``epoch.not_current {epoch}``, ``attachment.incomplete {attachment}``, ``conversation.closed``.
        Unavailable: ``messaging.try_again``.
    """
    try:
        header = check_message(envelope, sender=actor, conversation_id=conversation_id)
    except DomainError as error:
        record_forgery(actor, conversation_id, error)
        raise
    return run(Send(actor=actor, conversation_id=conversation_id, envelope=envelope, header=header))


def mark_delivered(*, actor: Actor, conversation_id: UUID, sequence: int) -> Outcome:
    """Raises ``NotFound``, ``Unauthenticated``, ``Invalid`` (``delivered.beyond_last``)."""
    return run(Deliver(actor=actor, conversation_id=conversation_id, sequence=sequence))


def acknowledge_message(*, actor: Actor, conversation_id: UUID, message_id: UUID, role: UUID | None = None) -> Outcome:
    """Raises ``NotFound``, ``Unauthenticated``, ``Forbidden`` (``role.not_on_duty``)."""
    return run(Acknowledge(actor=actor, conversation_id=conversation_id, message_id=message_id, role=role))


@transaction.atomic
def create_conversation(
    *,
    actor: Actor,
    id: UUID,
    kind: str,
    members: Collection[UUID],
    epoch: SealedEpoch,
    role: UUID | None = None,
    awaited: Collection[UUID] = (),
) -> tuple[Conversation, bool]:
    """A conversation with its first epoch; ``False`` beside it when it was here already, made of the same bytes by
    the same person.

    The archives of all members' hospitals are members too, and so is the actor, unless the role acted in is. The epoch is sealed to the
    ``awaited`` as well, and to the archives of theirs; they learn of it when they are admitted.

    Raises:
        Invalid: the epoch breaks the protocol, or is not the first (``epoch.not_first``), or names another retention
            class (``epoch.retention``).
        Forbidden: ``role.not_on_duty``.
        NotFound: ``conversation.unknown_member``: no such principal, or not of this hospital or a partner of it.
        Conflict: ``epoch.stale_recipients {recipients}``, ``conversation.id_reused``.
    """
    actor.require_human()
    header = _checked_epoch(actor, id, epoch)
    if header.epoch != 1:
        raise Invalid("epoch.not_first", "A conversation begins with epoch 1.")
    _require_role(actor, header, role)
    present = {*members, *(() if role and role in members else (actor.person_id,))}
    keys = _reachable(actor, {*present, *awaited})
    _require_recipients(header, keys.values())
    retention = Hospital.objects.values_list("retention_class", flat=True).get(pk=actor.hospital_id)
    _require_retention(header, retention)
    made, is_new = Conversation.objects.get_or_create(
        pk=id, defaults={"kind": kind, "retention": retention, "created_by_id": actor.person_id}
    )
    if not is_new:
        _require_same(actor, made, epoch)
        return made, False
    belonging = _store_members(made, keys, present)
    _store_epoch(actor, made, epoch, header)
    hospitals = sorted({key.hospital_id for key in belonging})
    detail = {"kind": kind, "members": len(belonging)}
    record(event=_event("messaging.create_conversation", actor, made.pk, hospitals, role=role, detail=detail))
    _ring((key.principal for key in belonging), {"t": "conversation", "conversation": made.pk})
    return made, True


@transaction.atomic
def create_epoch(*, actor: Actor, conversation_id: UUID, epoch: SealedEpoch) -> tuple[int, bool]:
    """The conversation's next key; ``False`` beside its number when these bytes were here already.

    Raises:
        Invalid: the epoch breaks the protocol, or names another retention class (``epoch.retention``).
        NotFound, Forbidden: not the actor's conversation; ``role.not_on_duty``.
        Conflict: ``epoch.not_next {epoch}``, ``epoch.stale_recipients {recipients}``, ``conversation.closed``.
    """
    header = _checked_epoch(actor, conversation_id, epoch)
    # Two members rotate in the same second: the conversation's row decides whose epoch is the next.
    conversation = access.conversation_for_change(actor, conversation_id)
    actor.require_human()
    _require_role(actor, header, header.role)
    latest = Epoch.objects.get(conversation=conversation, number=conversation.epoch)
    if bytes(latest.header) == epoch.h:
        return latest.number, False
    if header.epoch != conversation.epoch + 1 or header.prev != sha256(bytes(latest.header)):
        raise Conflict("epoch.not_next", "Another epoch came first: read it, then seal again.", epoch=conversation.epoch)
    if conversation.closed_at is not None:
        raise Conflict("conversation.closed", "This conversation is closed.")
    members = list(Member.objects.filter(conversation=conversation, removed_at=None))
    awaited = AwaitedMember.objects.filter(conversation=conversation).values_list("principal", flat=True)
    _require_recipients(header, current_keys({*awaited, *(member.principal for member in members)}).values())
    _require_retention(header, conversation.retention)
    _store_epoch(actor, conversation, epoch, header)
    Conversation.objects.filter(pk=conversation.pk).update(epoch=header.epoch)
    hospitals = sorted({member.hospital_id for member in members})
    record(event=_event("messaging.create_epoch", actor, conversation.pk, hospitals, role=header.role, detail={"epoch": header.epoch}))
    _ring((member.principal for member in members), {"t": "epoch", "conversation": conversation.pk, "epoch": header.epoch})
    return header.epoch, True


def recipients_of(keys: Iterable[PrincipalKey]) -> list[list[str]]:
    """As in an epoch's ``to``: who is sealed to, with which key, in the order of the ids."""
    return sorted([str(key.principal), encode(bytes(key.kid))] for key in keys)


def record_forgery(actor: Actor, conversation_id: UUID, error: DomainError) -> None:
    """An envelope signed by another, or lifted from elsewhere, is an event although its status is that of a typo."""
    if error.code in FORGED:
        hospitals, subjects = [actor.hospital_id], {"conversation": conversation_id}
        record_refused(
            Event(
                action="messaging.refused",
                agent=actor.agent(),
                hospitals=hospitals,
                outcome="refused",
                subjects=subjects,
                detail={"code": error.code},
            )
        )


def _checked_epoch(actor: Actor, conversation_id: UUID, epoch: SealedEpoch) -> EpochHeader:
    try:
        return check_epoch(epoch, sender=actor, conversation_id=conversation_id)
    except DomainError as error:
        record_forgery(actor, conversation_id, error)
        raise


def _require_role(actor: Actor, header: EpochHeader, role: UUID | None) -> None:
    if header.role != role:
        raise Invalid("envelope.wrong_role", "The epoch's header names another role than the request.")
    actor.require_role(role)


def _reachable(actor: Actor, principals: set[UUID]) -> dict[UUID, PrincipalKey]:
    """The current keys of ``principals`` and of the archives their hospitals demand."""
    keys = current_keys(principals)
    allowed = {actor.hospital_id} | partner_hospitals(actor.hospital_id)
    # One answer for a key that does not exist and for a hospital that is no partner: ids cannot be tried out.
    if len(keys) < len(principals) or any(key.hospital_id not in allowed for key in keys.values()):
        raise NotFound("conversation.unknown_member", "Somebody of these cannot be written to from this hospital.")
    hospitals = {key.hospital_id for key in keys.values()}
    archives = PrincipalKey.objects.filter(kind=PrincipalKey.Kind.ARCHIVE, hospital__in=hospitals, replaced_at=None)
    return keys | {key.principal: key for key in archives}


def _store_members(made: Conversation, keys: dict[UUID, PrincipalKey], present: set[UUID]) -> list[PrincipalKey]:
    """Who belongs from the start; the others, and the archives of hospitals of which nobody does, are awaited."""
    hospitals = {keys[principal].hospital_id for principal in present}

    def belongs(key: PrincipalKey) -> bool:
        return key.principal in present or (key.kind == PrincipalKey.Kind.ARCHIVE and key.hospital_id in hospitals)

    def row(key: PrincipalKey) -> dict[str, Any]:
        return {"conversation": made, "principal": key.principal, "kind": key.kind, "hospital_id": key.hospital_id}

    Member.objects.bulk_create(Member(**row(key)) for key in keys.values() if belongs(key))
    AwaitedMember.objects.bulk_create(AwaitedMember(**row(key)) for key in keys.values() if not belongs(key))
    return [key for key in keys.values() if belongs(key)]


def _require_recipients(header: EpochHeader, keys: Iterable[PrincipalKey]) -> None:
    recipients = recipients_of(keys)
    if [[str(principal), encode(kid)] for principal, kid in header.to] != recipients:
        raise Conflict("epoch.stale_recipients", "Members or their keys have changed: check these and seal again.", recipients=recipients)


def _require_retention(header: EpochHeader, retention: str) -> None:
    if header.retention != retention:
        raise Invalid("epoch.retention", "The header names another retention class than the hospital's.", retention=retention)


def _require_same(actor: Actor, made: Conversation, epoch: SealedEpoch) -> None:
    first = Epoch.objects.filter(conversation=made, number=1, header=epoch.h, signature=epoch.s)
    if made.created_by_id != actor.person_id or not first.exists():
        raise Conflict("conversation.id_reused", "Another conversation has this id.")


def _store_epoch(actor: Actor, conversation: Conversation, epoch: SealedEpoch, header: EpochHeader) -> None:
    who: dict[str, Any] = {"person_id": actor.person_id, "device_id": actor.device_id}
    digest = sha256(b"".join(epoch.w))
    stored = Epoch.objects.create(
        conversation=conversation, number=header.epoch, header=epoch.h, signature=epoch.s, wraps_digest=digest, **who
    )
    EpochWrap.objects.bulk_create(
        EpochWrap(epoch=stored, principal=principal, wrap=wrap) for (principal, _), wrap in zip(header.to, epoch.w, strict=True)
    )


def _event(
    action: str, actor: Actor, conversation_id: UUID, hospitals: Sequence[UUID], *, role: UUID | None, detail: dict[str, Any]
) -> Event:
    return Event(action=action, agent=actor.agent(role), hospitals=hospitals, subjects={"conversation": conversation_id}, detail=detail)


def _ring(principals: Iterable[UUID], event: dict[str, Any]) -> None:
    people = {person for persons in people_behind(principals).values() for person in persons}
    ring_after_commit(people, event)
