"""The only lookups of conversations, messages and attachments by id.

Invariant: every query starts at the actor's person, the duties held this moment and the emergency access in force this
moment. What a person may not see does not exist for them, so an outsider, and yesterday's holder of a role, learn nothing
by guessing ids, not even from the error.
"""

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Case, Exists, Model, OuterRef, Q, QuerySet, Subquery, UUIDField, Value, When
from django.utils import timezone

from backend.errors import Conflict, Forbidden, NotFound, Unauthenticated
from identity.actors import Actor
from identity.models import Holder, Membership, SignIn
from messaging.models import Attachment, Conversation, EmergencyAccess, EmergencyInForce, Member, Message

T = TypeVar("T", bound=Model)


def conversations(actor: Actor) -> "QuerySet[Conversation]":
    """Those the actor may read now. One query, whatever it is combined with."""
    theirs = _memberships(actor).values("conversation")
    return Conversation.objects.filter(
        pk__in=theirs.union(EmergencyInForce.objects.filter(person=actor.person_id).values("conversation"), all=True)
    )


def conversation(actor: Actor, conversation_id: UUID) -> Conversation:
    """With ``emergency`` and ``emergency_role``: what it is read under, ``None`` for who belongs to it. Raises ``NotFound``: there is none,
    or it is not the actor's to see.
    """
    found: Conversation = _one(_reached(actor, conversation_id))
    return found


def conversation_for_change(actor: Actor, conversation_id: UUID) -> Conversation:
    """The same, its row locked until the transaction ends."""
    found: Conversation = _one(_reached(actor, conversation_id).select_for_update())
    return found


def message(actor: Actor, conversation_id: UUID, message_id: UUID) -> Message:
    """Raises ``NotFound``."""
    found = Message.objects.select_related("conversation").filter(pk=message_id, conversation_id=conversation_id)
    return _one(found.filter(conversation__in=conversations(actor)))


def attachment(actor: Actor, attachment_id: UUID) -> Attachment:
    """Raises ``NotFound``: there is none, or its conversation is not the actor's to see."""
    return _one(Attachment.objects.filter(pk=attachment_id, conversation__in=conversations(actor)))


def own_attachment(actor: Actor, attachment_id: UUID) -> Attachment:
    """One the actor uploads, in a conversation that is still theirs."""
    return _one(Attachment.objects.filter(pk=attachment_id, person_id=actor.person_id, conversation__in=conversations(actor)))


def emergency_in(actor: Actor, conversation_id: UUID) -> UUID | None:
    """The emergency access without which the actor could not read the conversation."""
    found: UUID | None = _reached(actor, conversation_id).values_list("emergency", flat=True).first()
    return found


def conversation_of_role(role_id: UUID, conversation_id: UUID) -> Conversation:
    """One that ``role_id`` belongs to. Raises ``NotFound``."""
    of_role = Member.objects.filter(principal=role_id, conversation=OuterRef("pk"), removed_at=None)
    return _one(Conversation.objects.filter(Exists(of_role), pk=conversation_id))


def belongs_to(actor: Actor, conversation_id: UUID) -> bool:
    """Whether the actor may read it without an emergency access."""
    return _memberships(actor).filter(conversation=conversation_id).exists()


def emergency_to_end(actor: Actor, emergency_id: UUID) -> EmergencyAccess:
    """The actor's own, one of a role held now, or, for a registrar, of the hospital; locked until the transaction ends.
    Raises ``NotFound``.
    """
    theirs = Q(person=actor.person_id) | Q(role__in=_duties(actor).values("role_id"))
    if actor.is_registrar:
        theirs |= Q(role__hospital=actor.hospital_id)
    return _one(EmergencyAccess.objects.filter(theirs, pk=emergency_id).select_for_update(of=("self",)).select_related("role"))


def require_present(actor: Actor) -> None:
    """A socket's actor was read when it opened: is the sign-in still good? Raises ``Unauthenticated``."""
    active = Membership.objects.filter(person=OuterRef("person"), state=Membership.State.ACTIVE)
    good = SignIn.objects.filter(pk=actor.sign_in_id, ended_at=None, expires_at__gt=timezone.now(), device__revoked_at=None)
    if not good.filter(Exists(active)).exists():
        raise Unauthenticated("session.ended", "This sign-in has ended. Sign in again.")


def require_open(conversation: Conversation) -> None:
    """Raises ``Conflict``: ``conversation.closed``."""
    if conversation.closed_at is not None:
        raise Conflict("conversation.closed", "This conversation is closed.")


def require_role_now(actor: Actor, role: UUID | None) -> None:
    """Raises ``Forbidden``: ``role.not_on_duty``."""
    if role is not None and not _duties(actor).filter(role_id=role).exists():
        raise Forbidden("role.not_on_duty", "Somebody else holds this role now, or nobody.")


def _memberships(actor: Actor) -> "QuerySet[Member]":
    duties = _duties(actor).values("role_id")
    return Member.objects.filter(Q(principal=actor.person_id) | Q(principal__in=duties), removed_at=None)


def _reached(actor: Actor, conversation_id: UUID) -> Any:
    belongs = Exists(_memberships(actor).filter(conversation=OuterRef("pk")))
    opened = EmergencyInForce.objects.filter(person=actor.person_id, conversation=OuterRef("pk"))

    def of(column: str) -> Case:
        return Case(When(belongs, then=Value(None)), default=Subquery(opened.values(column)[:1]), output_field=UUIDField())

    everywhere: Any = Conversation.objects
    found = everywhere.annotate(emergency=of("pk"), emergency_role=of("role"))
    return found.filter(belongs | Q(emergency__isnull=False), pk=conversation_id)


def _duties(actor: Actor) -> "QuerySet[Holder]":
    return Holder.objects.filter(person_id=actor.person_id, role__closed_at=None, role__hospital_id=actor.hospital_id)


def _one(found: "QuerySet[T]") -> T:
    result = found.order_by().first()
    if result is None:
        raise NotFound
    return result
