"""How conversations begin.

Invariant: a conversation, its members and its first epoch exist together or not at all, with the event in the logs of all who belong.
Several begin in as many statements as one, under the same checks.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction

from audit.events import Event
from audit.services import record_all
from backend.errors import Conflict, Invalid, NotFound
from backend.realtime import ring_after_commit
from identity.access import lock_partners, people_behind
from identity.actors import Actor
from identity.models import Hospital, PrincipalKey
from identity.services import current_keys
from messaging.commands import Circle, read_circles
from messaging.envelopes import SealedEpoch
from messaging.epochs import (
    Sealed,
    checked_epoch,
    conversation_event,
    require_recipients,
    require_retention,
    require_role,
    store_epochs,
)
from messaging.models import AwaitedMember, Conversation, Epoch, Member
from wardline_client.protocol.epochs import EpochHeader


class NewConversation(NamedTuple):
    """The archives of all members' hospitals are members too, and so is the actor, unless the role acted in is. The epoch is sealed to the
    ``awaited`` as well, and to the archives of theirs; they learn of it when they are admitted.
    """

    id: UUID
    members: Collection[UUID]
    epoch: SealedEpoch
    awaited: Collection[UUID] = ()


class _Checked(NamedTuple):
    """``present`` belong from the start; ``keys`` are those of all sealed to, archives among them."""

    given: NewConversation
    header: EpochHeader
    present: set[UUID]
    keys: dict[UUID, PrincipalKey]

    def belongs(self, key: PrincipalKey) -> bool:
        """The others, and the archives of hospitals of which nobody belongs, are awaited."""
        hospitals = {self.keys[principal].hospital_id for principal in self.present}
        return key.principal in self.present or (key.kind == PrincipalKey.Kind.ARCHIVE and key.hospital_id in hospitals)

    @property
    def belonging(self) -> list[PrincipalKey]:
        return [key for key in self.keys.values() if self.belongs(key)]


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
    """A conversation (``NewConversation``) with its first epoch; ``False`` beside it when it was here already, made of the same bytes
    by the same person.

    Raises:
        Invalid: the epoch breaks the protocol, or is not the first (``epoch.not_first``), or names another retention
            class (``epoch.retention``).
        Forbidden: ``role.not_on_duty``.
        NotFound: ``conversation.unknown_member``: no such principal, or not of this hospital or a partner of it.
        Conflict: ``epoch.stale_recipients {recipients}``, ``conversation.id_reused``.
    """
    checked, retention = _checked(actor, [NewConversation(id, members, epoch, awaited)], role)
    made, is_new = Conversation.objects.get_or_create(
        pk=id, defaults={"kind": kind, "retention": retention, "created_by_id": actor.person_id}
    )
    if is_new:
        _begin(actor, checked, kind, role)
    else:
        _require_same(actor, made, epoch)
    return made, is_new


@transaction.atomic(savepoint=False)
def create_conversations(*, actor: Actor, new: Sequence[NewConversation], kind: str, role: UUID | None = None) -> None:
    """Several at once, each of them new.

    Raises:
        DomainError: as ``create_conversation``; ``conversation.id_reused`` also when one was here already.
    """
    checked, retention = _checked(actor, new, role)
    what: dict[str, Any] = {"kind": kind, "retention": retention, "created_by_id": actor.person_id}
    try:
        # In the order of the ids: two that bring the same ones wait for each other in one direction only.
        Conversation.objects.bulk_create(Conversation(pk=id, **what) for id in sorted(one.id for one in new))
    except IntegrityError:
        raise Conflict("conversation.id_reused", "Each of them is a conversation of its own, and this id is taken.") from None
    _begin(actor, checked, kind, role)


def _checked(actor: Actor, new: Sequence[NewConversation], role: UUID | None) -> tuple[list[_Checked], str]:
    """What may be stored, and the hospital's retention class. Four queries."""
    actor.require_human()
    headers = [_first_epoch(actor, one, role) for one in new]
    present = [{*one.members, *(() if role and role in one.members else (actor.person_id,))} for one in new]
    reachable = _reachable(actor, {*set().union(*present), *(principal for one in new for principal in one.awaited)})
    checked = [
        _Checked(one, header, there, _sealed_to(reachable, {*there, *one.awaited}))
        for one, header, there in zip(new, headers, present, strict=True)
    ]
    for one in checked:
        require_recipients(one.header, one.keys.values())
    retention = Hospital.objects.values_list("retention_class", flat=True).get(pk=actor.hospital_id)
    for one in checked:
        require_retention(one.header, retention)
    return checked, retention


def _first_epoch(actor: Actor, new: NewConversation, role: UUID | None) -> EpochHeader:
    header = checked_epoch(actor, new.id, new.epoch)
    if header.epoch != 1:
        raise Invalid("epoch.not_first", "A conversation begins with epoch 1.")
    require_role(actor, header, role)
    return header


def _reachable(actor: Actor, principals: set[UUID]) -> dict[UUID, PrincipalKey]:
    """The current keys of ``principals`` and of the archives their hospitals demand."""
    keys = current_keys(principals)
    hospitals = {key.hospital_id for key in keys.values()}
    allowed = {actor.hospital_id} | lock_partners(actor.hospital_id, hospitals)
    # One answer for a key that does not exist and for a hospital that is no partner: ids cannot be tried out.
    if len(keys) < len(principals) or any(key.hospital_id not in allowed for key in keys.values()):
        raise NotFound("conversation.unknown_member", "Somebody of these cannot be written to from this hospital.")
    archives = PrincipalKey.objects.filter(kind=PrincipalKey.Kind.ARCHIVE, hospital__in=hospitals, replaced_at=None)
    return keys | {key.principal: key for key in archives}


def _sealed_to(reachable: dict[UUID, PrincipalKey], principals: set[UUID]) -> dict[UUID, PrincipalKey]:
    """Of ``reachable`` those of ``principals`` and of their hospitals' archives."""
    hospitals = {reachable[principal].hospital_id for principal in principals}
    return {
        principal: key
        for principal, key in reachable.items()
        if principal in principals or (key.kind == PrincipalKey.Kind.ARCHIVE and key.hospital_id in hospitals)
    }


def _begin(actor: Actor, checked: Sequence[_Checked], kind: str, role: UUID | None) -> None:
    """Members, epochs, events and rings of conversations just stored; a statement for each table."""
    belonging = {one.given.id: one.belonging for one in checked}
    Member.objects.bulk_create(Member(**_row(id, key)) for id, keys in belonging.items() for key in keys)
    AwaitedMember.objects.bulk_create(
        AwaitedMember(**_row(one.given.id, key)) for one in checked for key in one.keys.values() if not one.belongs(key)
    )
    store_epochs(actor, [Sealed(one.given.id, one.given.epoch, one.header) for one in checked])
    circles = read_circles(belonging)
    record_all(_event(actor, id, kind, len(keys), circles[id], role) for id, keys in belonging.items())
    people = people_behind({key.principal for keys in belonging.values() for key in keys})
    for id, keys in belonging.items():
        ring_after_commit({one for key in keys for one in people[key.principal]}, {"t": "conversation", "conversation": id})


def _row(conversation_id: UUID, key: PrincipalKey) -> dict[str, Any]:
    return {"conversation_id": conversation_id, "principal": key.principal, "kind": key.kind, "hospital_id": key.hospital_id}


def _event(actor: Actor, conversation_id: UUID, kind: str, members: int, circle: Circle, role: UUID | None) -> Event:
    detail = {"kind": kind, "members": members}
    return conversation_event("messaging.create_conversation", actor, conversation_id, circle, role=role, detail=detail)


def _require_same(actor: Actor, made: Conversation, epoch: SealedEpoch) -> None:
    first = Epoch.objects.filter(conversation=made, number=1, header=epoch.h, signature=epoch.s)
    if made.created_by_id != actor.person_id or not first.exists():
        raise Conflict("conversation.id_reused", "Another conversation has this id.")
