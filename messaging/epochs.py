"""What every epoch must be before it is stored, whether it begins a conversation or goes on with one.

Invariant: nobody is sealed to who is neither member nor awaited, and none of these is left out, with the keys that are current at that
moment. An epoch of another's making is an event in the log, whatever becomes of it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from audit.events import Event
from audit.services import record_refused
from backend.errors import Conflict, DomainError, Invalid
from identity.actors import Actor
from identity.models import PrincipalKey
from messaging.commands import Circle
from messaging.envelopes import FORGED, SealedEpoch, check_epoch
from messaging.models import Epoch, EpochWrap
from wardline_client.protocol.encoding import encode, sha256
from wardline_client.protocol.epochs import EpochHeader


class Sealed(NamedTuple):
    """A checked epoch of a conversation."""

    conversation: UUID
    epoch: SealedEpoch
    header: EpochHeader


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


def checked_epoch(actor: Actor, conversation_id: UUID, epoch: SealedEpoch) -> EpochHeader:
    try:
        return check_epoch(epoch, sender=actor, conversation_id=conversation_id)
    except DomainError as error:
        record_forgery(actor, conversation_id, error)
        raise


def require_role(actor: Actor, header: EpochHeader, role: UUID | None) -> None:
    if header.role != role:
        raise Invalid("envelope.wrong_role", "The epoch's header names another role than the request.")
    actor.require_role(role)


def require_recipients(header: EpochHeader, keys: Iterable[PrincipalKey]) -> None:
    recipients = recipients_of(keys)
    if [[str(principal), encode(kid)] for principal, kid in header.to] != recipients:
        raise Conflict("epoch.stale_recipients", "Members or their keys have changed: check these and seal again.", recipients=recipients)


def require_retention(header: EpochHeader, retention: str) -> None:
    if header.retention != retention:
        raise Invalid("epoch.retention", "The header names another retention class than the hospital's.", retention=retention)


def store_epochs(actor: Actor, given: Sequence[Sealed]) -> None:
    """Two statements, however many."""
    who: dict[str, Any] = {"person_id": actor.person_id, "device_id": actor.device_id}
    stored = Epoch.objects.bulk_create(
        Epoch(
            conversation_id=one.conversation,
            number=one.header.epoch,
            header=one.epoch.h,
            signature=one.epoch.s,
            wraps_digest=sha256(b"".join(one.epoch.w)),
            **who,
        )
        for one in given
    )
    EpochWrap.objects.bulk_create(
        EpochWrap(epoch=row, principal=principal, wrap=wrap)
        for row, one in zip(stored, given, strict=True)
        for (principal, _), wrap in zip(one.header.to, one.epoch.w, strict=True)
    )


def conversation_event(
    action: str, actor: Actor, conversation_id: UUID, circle: Circle, *, role: UUID | None, detail: dict[str, Any]
) -> Event:
    subjects = {"conversation": conversation_id}
    return Event(action, actor.agent(role), circle.hospitals, subjects=subjects, detail=detail, recipients=circle.recipients)
