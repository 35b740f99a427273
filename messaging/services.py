"""What people do with conversations and messages.

Invariant: each function is one transaction with its audit records in it; whoever loses a race gets a domain error and
has changed nothing. How a conversation begins is ``messaging.beginning``.
"""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from audit.services import record
from backend.errors import Conflict, DomainError
from backend.realtime import ring_after_commit
from identity.access import people_behind
from identity.actors import Actor
from identity.services import current_keys
from messaging import access
from messaging.admission import admit
from messaging.beginning import NewConversation, create_conversation, create_conversations
from messaging.closing import close_between, close_conversation
from messaging.commands import Outcome, read_circle, run, run_all, under
from messaging.envelopes import Envelope, SealedEpoch, check_message
from messaging.epochs import (
    Sealed,
    checked_epoch,
    conversation_event,
    record_forgery,
    require_recipients,
    require_retention,
    require_role,
    store_epochs,
)
from messaging.models import AwaitedMember, Conversation, EmergencyInForce, Epoch, Member
from messaging.pushes import owe_push
from messaging.receipts import Acknowledge, Deliver
from messaging.sending import Send
from wardline_client.protocol.encoding import sha256

__all__ = [
    "Envelope",
    "NewConversation",
    "SealedEpoch",
    "acknowledge_message",
    "admit",
    "close_between",
    "close_conversation",
    "create_conversation",
    "create_conversations",
    "create_epoch",
    "mark_delivered",
    "owe_push",
    "send_message",
    "send_messages",
]


def send_message(*, actor: Actor, conversation_id: UUID, envelope: Envelope) -> Outcome:
    """Store and announce a message; in the caller's transaction when there is one. ``status`` 200 instead of 201: it was here already.

    Raises:
        Invalid, TooLarge: the envelope breaks the protocol, or is another's (``signature.invalid``, ``envelope.wrong_sender`` ...).
        Unauthenticated, NotFound, Forbidden: not, or no longer, the actor's to write to; ``actor.not_human``.
        Conflict: ``message.id_reused``, ``epoch.not_current {epoch}``, ``attachment.incomplete {attachment}``, ``conversation.closed``.
        Unavailable: ``messaging.try_again``.
    """
    return run(_send(actor, conversation_id, envelope))


def send_messages(*, actor: Actor, envelopes: Mapping[UUID, Envelope]) -> list[Outcome]:
    """One message to each of several conversations, in the caller's transaction: a statement each, and the same checks and refusals as
    ``send_message``.
    """
    return run_all([_send(actor, conversation_id, envelope) for conversation_id, envelope in envelopes.items()])


def _send(actor: Actor, conversation_id: UUID, envelope: Envelope) -> Send:
    try:
        header = check_message(envelope, sender=actor, conversation_id=conversation_id)
    except DomainError as error:
        record_forgery(actor, conversation_id, error)
        raise
    return Send(actor=actor, conversation_id=conversation_id, envelope=envelope, header=header)


def mark_delivered(*, actor: Actor, conversation_id: UUID, sequence: int) -> Outcome:
    """Raises ``NotFound``, ``Unauthenticated``, ``Invalid`` (``delivered.beyond_last``)."""
    return run(Deliver(actor=actor, conversation_id=conversation_id, sequence=sequence))


def acknowledge_message(*, actor: Actor, conversation_id: UUID, message_id: UUID, role: UUID | None = None) -> Outcome:
    """Raises ``NotFound``, ``Unauthenticated``, ``Forbidden`` (``role.not_on_duty``)."""
    return run(Acknowledge(actor=actor, conversation_id=conversation_id, message_id=message_id, role=role))


@transaction.atomic
def create_epoch(*, actor: Actor, conversation_id: UUID, epoch: SealedEpoch) -> tuple[int, bool]:
    """The conversation's next key; ``False`` beside its number when these bytes were here already.

    Raises:
        Invalid: the epoch breaks the protocol, or names another retention class (``epoch.retention``).
        NotFound, Forbidden: not the actor's conversation; ``role.not_on_duty``.
        Conflict: ``epoch.not_next {epoch}``, ``epoch.stale_recipients {recipients}``, ``conversation.closed``.
    """
    header = checked_epoch(actor, conversation_id, epoch)
    # Two members rotate in the same second: the conversation's row decides whose epoch is the next.
    conversation = access.conversation_for_change(actor, conversation_id)
    actor.require_human()
    require_role(actor, header, header.role)
    latest = Epoch.objects.get(conversation=conversation, number=conversation.epoch)
    if bytes(latest.header) == epoch.h:
        return latest.number, False
    if header.epoch != conversation.epoch + 1 or header.prev != sha256(bytes(latest.header)):
        raise Conflict("epoch.not_next", "Another epoch came first: read it, then seal again.", epoch=conversation.epoch)
    access.require_open(conversation)
    members = list(Member.objects.filter(conversation=conversation, removed_at=None))
    awaited = AwaitedMember.objects.filter(conversation=conversation).values_list("principal", flat=True)
    require_recipients(header, current_keys({*awaited, *(member.principal for member in members)}).values())
    require_retention(header, conversation.retention)
    store_epochs(actor, [Sealed(conversation.pk, epoch, header)])
    Conversation.objects.filter(pk=conversation.pk).update(epoch=header.epoch)
    circle = read_circle(conversation.pk)
    event = conversation_event("messaging.create_epoch", actor, conversation.pk, circle, role=header.role, detail={"epoch": header.epoch})
    record(event=under(event, conversation.emergency))
    people = people_behind(member.principal for member in members).values()
    readers = EmergencyInForce.objects.filter(conversation=conversation.pk).values_list("person", flat=True)
    ring_after_commit(
        {one for found in [*people, readers] for one in found}, {"t": "epoch", "conversation": conversation.pk, "epoch": header.epoch}
    )
    return header.epoch, True
