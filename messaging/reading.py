"""What a person may read of conversations now.

Invariant: every read asks again who the actor is and which duties are held; ciphertext and wraps leave only after an
audit event about it has been written in the same transaction as the read. The number of queries does not depend on
the number of rows.
"""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import F, OuterRef, Prefetch, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, JSONObject
from django.utils import timezone

from audit.events import Event
from audit.services import record
from identity.actors import Actor
from identity.services import current_keys
from messaging import access
from messaging.commands import read_circle, under
from messaging.epochs import recipients_of
from messaging.models import Acknowledgement, AwaitedMember, Conversation, EmergencyAccess, Epoch, EpochWrap, Member, Message, Receipt
from wardline_client.protocol.encoding import encode

_EMERGENCY = ("id", "person", "role", "reason", "started_at", "ends_at", "ended_at")
PAGE = 100
MAX_PAGE = 500


def sync(actor: Actor) -> dict[str, Any]:
    """All conversations the actor may read: a client sees by the last sequences what it lacks. Two queries;
    bookkeeping alone, no ciphertext, so no audit event.
    """
    conversations = list(_described(access.conversations(actor), actor))
    changes = [c.pop("candidate_changed_at") for c in conversations]
    last_change = max((change for change in changes if change is not None), default=None)
    return {"conversations": conversations, "requests_changed_at": last_change, "server_time": timezone.now()}


def conversation(actor: Actor, conversation_id: UUID) -> dict[str, Any]:
    """One of ``sync``'s, with what a new epoch needs and who has what. Raises ``NotFound``."""
    found = access.conversation(actor, conversation_id)
    described = _described(access.conversations(actor).filter(pk=found.pk), actor)[0]
    described.pop("candidate_changed_at")
    keys = current_keys(UUID(str(row["principal"])) for row in described["members"] + described["awaited"])
    receipts = list(
        Receipt.objects.filter(conversation=found, delivered_sequence__gt=0).order_by("person_id").values("person", "delivered_sequence")
    )
    return described | {"recipients": recipients_of(keys.values()), "receipts": receipts}


@transaction.atomic
def messages_after(actor: Actor, conversation_id: UUID, *, after: int, limit: int = PAGE) -> dict[str, Any]:
    """Messages with a sequence above ``after``, ascending, at most ``limit`` (1 to 500). Raises ``NotFound``."""
    found = access.conversation(actor, conversation_id)
    acknowledged = Prefetch("acknowledgements", Acknowledgement.objects.order_by("created_at"))
    rows = Message.objects.filter(conversation=found, sequence__gt=after).order_by("sequence").prefetch_related(acknowledged)
    results = [_message(message) for message in rows[: max(1, min(limit, MAX_PAGE))]]
    if results:
        detail = {"first": results[0]["sequence"], "last": results[-1]["sequence"]}
        record(event=under(_read("messaging.read", actor, conversation_id, detail), found.emergency))
    return {"results": results, "last_sequence": found.last_sequence}


@transaction.atomic
def epochs_after(actor: Actor, conversation_id: UUID, *, after: int) -> dict[str, Any]:
    """Epochs with a number above ``after`` and the wraps the actor can use: the own, those of the roles held now, and
    that of the role whose conversation is read under an emergency access. Raises ``NotFound``.
    """
    found = access.conversation(actor, conversation_id)
    principals = [*actor.principals, *([found.emergency_role] if found.emergency_role else [])]
    own = Prefetch("wraps", EpochWrap.objects.filter(principal__in=principals).order_by("principal"))
    epochs = Epoch.objects.filter(conversation=found, number__gt=after).order_by("number").prefetch_related(own)[:MAX_PAGE]
    results = [_epoch(epoch) for epoch in epochs]
    if results:
        detail = {"first": results[0]["epoch"], "last": results[-1]["epoch"]}
        record(event=under(_read("messaging.read_keys", actor, conversation_id, detail), found.emergency))
    return {"results": results}


def _described(conversations: "QuerySet[Conversation]", actor: Actor) -> list[dict[str, Any]]:
    delivered = Receipt.objects.filter(conversation=OuterRef("pk"), person=actor.person_id).values("delivered_sequence")
    rows = list(
        conversations.order_by(F("last_at").desc(nulls_last=True), "pk").values(
            # The candidate hangs on the conversation (a reverse relation of ``beds``, which stands above this part and is not imported).
            "id", "kind", "epoch", "last_sequence", "last_at", "closed_at", "candidate", request=F("candidate__request"),
            candidate_changed_at=F("candidate__changed_at"),
            delivered_sequence=Coalesce(Subquery(delivered), 0), emergencies=_emergencies(),
        )
    )  # fmt: skip
    here = [row["id"] for row in rows]
    belonging = _principals(Member.objects.filter(conversation__in=here, removed_at=None), is_awaited=False)
    awaited = _principals(AwaitedMember.objects.filter(conversation__in=here), is_awaited=True)
    groups: dict[tuple[UUID, bool], list[dict[str, Any]]] = defaultdict(list)
    for conversation_id, principal, kind, hospital, is_awaited in belonging.union(awaited).order_by("principal"):
        groups[conversation_id, is_awaited].append({"principal": principal, "kind": kind, "hospital": hospital})
    return [row | {"members": groups[row["id"], False], "awaited": groups[row["id"], True]} for row in rows]


def _emergencies() -> ArraySubquery:
    """Of each conversation, oldest first: for whoever belongs to it, on both sides, and for who reads under one."""
    shown = JSONObject(**{name: name for name in _EMERGENCY})
    return ArraySubquery(EmergencyAccess.objects.filter(conversation=OuterRef("pk")).order_by("started_at").values(shown=shown))


def _principals(rows: "QuerySet[Any]", *, is_awaited: bool) -> "QuerySet[Any, Any]":
    return rows.annotate(is_awaited=Value(is_awaited)).values_list("conversation", "principal", "kind", "hospital", "is_awaited")


def _message(message: Message) -> dict[str, Any]:
    sealed = {"h": encode(bytes(message.header)), "c": encode(bytes(message.ciphertext)), "s": encode(bytes(message.signature))}
    acknowledged = [{"person": a.person_id, "role": a.role_id, "at": a.created_at} for a in message.acknowledgements.all()]
    who = {"person": message.person_id, "role": message.role_id, "device": message.device_id, "priority": message.priority}
    where = {"sequence": message.sequence, "id": message.pk, "epoch": message.epoch}
    return {**where, **who, "created_at": message.created_at, **sealed, "acknowledged": acknowledged}


def _epoch(epoch: Epoch) -> dict[str, Any]:
    wraps = [{"principal": wrap.principal, "wrap": encode(bytes(wrap.wrap))} for wrap in epoch.wraps.all()]
    sealed = {"h": encode(bytes(epoch.header)), "s": encode(bytes(epoch.signature)), "wraps_digest": encode(bytes(epoch.wraps_digest))}
    return {"epoch": epoch.number, **sealed, "wraps": wraps}


def _read(action: str, actor: Actor, conversation_id: UUID, detail: dict[str, Any]) -> Event:
    subjects, hospitals = {"conversation": conversation_id}, read_circle(conversation_id).hospitals
    return Event(action=action, agent=actor.agent(), hospitals=hospitals, subjects=subjects, detail=detail)
