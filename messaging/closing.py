"""How conversations end.

Invariant: in a closed conversation nobody seals, sends, acknowledges or announces anything, and nothing that happens in it is told to
anybody; what was sent before stays readable to those who could read it. It never opens again.
"""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from audit.events import Agent, Event
from audit.services import record
from messaging.models import AwaitedMember, Conversation, Member


def close_between(*, agent: Agent, hospitals: tuple[UUID, UUID], but: Collection[UUID]) -> int:
    """Close the conversations to which principals of both hospitals belong or are awaited, ``but`` these. In the caller's transaction."""
    one, other = (_includes(hospital) for hospital in hospitals)
    return _close(Conversation.objects.filter(one & other).exclude(pk__in=but), agent=agent, hospitals=hospitals)


def close_conversation(conversation_id: UUID, *, agent: Agent, hospitals: tuple[UUID, UUID]) -> None:
    """One of them. In the caller's transaction."""
    _close(Conversation.objects.filter(pk=conversation_id), agent=agent, hospitals=hospitals)


def _includes(hospital: UUID) -> "Exists":
    members = Member.objects.filter(conversation=OuterRef("pk"), hospital=hospital, removed_at=None)
    awaited = AwaitedMember.objects.filter(conversation=OuterRef("pk"), hospital=hospital)
    return Exists(members) | Exists(awaited)  # type: ignore[return-value]  # a Q, which behaves alike


def _close(conversations: "QuerySet[Conversation]", *, agent: Agent, hospitals: tuple[UUID, UUID]) -> int:
    # Whoever is sending holds the row, and the message is in before the end or not at all; in one order, so that two ends do not wait for
    # each other in a circle.
    closing = list(conversations.filter(closed_at=None).order_by("pk").select_for_update().values_list("pk", flat=True))
    if closing:
        Conversation.objects.filter(pk__in=closing).update(closed_at=timezone.now())
        record(event=Event("messaging.close_conversations", agent, list(hospitals), detail={"conversations": len(closing)}))
    return len(closing)
