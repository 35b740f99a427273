"""The only lookups of conversations, messages and attachments by id.

Invariant: every query starts at the actor's person and the duties held this moment. What a person may not see does
not exist for them, so an outsider, and yesterday's holder of a role, learn nothing by guessing ids, not even from the
error.
"""

from typing import TypeVar
from uuid import UUID

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from backend.errors import Forbidden, NotFound, Unauthenticated
from identity.actors import Actor
from identity.models import Holder, Membership, SignIn
from messaging.models import Attachment, Conversation, Member, Message

T = TypeVar("T", bound=Model)


def conversations(actor: Actor) -> "QuerySet[Conversation]":
    """Those the actor may read now. One query, whatever it is combined with."""
    duties = _duties(actor).values("role_id")
    theirs = Member.objects.filter(Q(principal=actor.person_id) | Q(principal__in=duties), conversation=OuterRef("pk"), removed_at=None)
    return Conversation.objects.filter(Exists(theirs))


def conversation(actor: Actor, conversation_id: UUID) -> Conversation:
    """Raises ``NotFound``: there is none, or it is not the actor's to see."""
    return _one(conversations(actor).filter(pk=conversation_id))


def conversation_for_change(actor: Actor, conversation_id: UUID) -> Conversation:
    """The same, its row locked until the transaction ends."""
    return _one(conversations(actor).filter(pk=conversation_id).select_for_update())


def message(actor: Actor, conversation_id: UUID, message_id: UUID) -> Message:
    """Raises ``NotFound``."""
    return _one(Message.objects.filter(pk=message_id, conversation_id=conversation_id, conversation__in=conversations(actor)))


def attachment(actor: Actor, attachment_id: UUID) -> Attachment:
    """Raises ``NotFound``: there is none, or its conversation is not the actor's to see."""
    return _one(Attachment.objects.filter(pk=attachment_id, conversation__in=conversations(actor)))


def own_attachment(actor: Actor, attachment_id: UUID) -> Attachment:
    """One the actor uploads, in a conversation that is still theirs."""
    return _one(Attachment.objects.filter(pk=attachment_id, person_id=actor.person_id, conversation__in=conversations(actor)))


def require_present(actor: Actor) -> None:
    """A socket's actor was read when it opened: is the sign-in still good? Raises ``Unauthenticated``."""
    active = Membership.objects.filter(person=OuterRef("person"), state=Membership.State.ACTIVE)
    good = SignIn.objects.filter(pk=actor.sign_in_id, ended_at=None, expires_at__gt=timezone.now(), device__revoked_at=None)
    if not good.filter(Exists(active)).exists():
        raise Unauthenticated("session.ended", "This sign-in has ended. Sign in again.")


def require_role_now(actor: Actor, role: UUID | None) -> None:
    """Raises ``Forbidden``: ``role.not_on_duty``."""
    if role is not None and not _duties(actor).filter(role_id=role).exists():
        raise Forbidden("role.not_on_duty", "Somebody else holds this role now, or nobody.")


def _duties(actor: Actor) -> "QuerySet[Holder]":
    return Holder.objects.filter(person_id=actor.person_id, role__closed_at=None, role__hospital_id=actor.hospital_id)


def _one(found: "QuerySet[T]") -> T:
    result = found.order_by().first()
    if result is None:
        raise NotFound
    return result
