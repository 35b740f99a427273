"""What the messaging tests say on behalf of the cast: Adler writes to the duty role of the university hospital, which
Brandt holds and Dorn could.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from backend.clock import database_now
from benchmarks.people import Talk
from identity.models import Device, Duty, Membership, SignIn
from tests.cast import Night, Someone
from wardline_client.protocol.encoding import encode
from wardline_client.protocol.epochs import SealedEpoch, seal_epoch
from wardline_client.protocol.messages import MessageHeader, SealedMessage, seal_message

Json = dict[str, Any]


def envelope_json(sealed: SealedMessage) -> Json:
    return {"h": encode(sealed.h), "c": encode(sealed.c), "s": encode(sealed.s)}


def epoch_json(sealed: SealedEpoch) -> Json:
    return {"h": encode(sealed.h), "w": [encode(wrap) for wrap in sealed.w], "s": encode(sealed.s)}


def recipients(night: Night) -> dict[UUID, bytes]:
    """Adler, the role asked, and the archives of both hospitals: principal to X-Wing key."""
    people = {someone.id: someone.keys.kem.public for someone in (night.adler, night.kreis.archive, night.uni.archive)}
    return people | {night.uni.role.id: night.uni.role.keys.kem.public}


def seal_first(by: Someone, to: dict[UUID, bytes], **changes: Any) -> SealedEpoch:
    """Epoch 1 of a new conversation; ``changes`` replace arguments of ``seal_epoch``."""
    given = {"conversation": uuid4(), "epoch": 1, "prev": None, "by": by.id, "role": None, "device": by.device_id, "retention": "standard"}
    return seal_epoch(**{**given, "at": datetime.now(UTC), "recipients": to, "signing_key": by.device_key, **changes})


def creation(sealed: SealedEpoch, **changes: Any) -> Json:
    """The body of ``POST /conversations``."""
    members = [str(principal) for principal, _ in sealed.header.to]
    return {"id": str(sealed.header.conversation), "kind": "direct", "members": members, "epoch": epoch_json(sealed), **changes}


def start_talk(night: Night) -> Talk:
    sealed = seal_first(night.adler, recipients(night))
    answer = night.adler.post("conversations", creation(sealed))
    assert answer.status_code == 201, answer.content
    return Talk(sealed.header.conversation, sealed.key)


def seal(someone: Someone, talk: Talk, body: bytes = b'{"t":"text","text":"hello"}', **changes: Any) -> tuple[UUID, SealedMessage]:
    """A message ready to be sent; ``changes`` replace members of its header."""
    members = {"conversation": talk.id, "epoch": 1, "id": uuid4(), "by": someone.id, "role": None, "device": someone.device_id}
    header = MessageHeader(**{**members, "at": datetime.now(UTC), "prev": None, **changes})
    return header.id, seal_message(header=header, body=body, key=talk.key, signing_key=someone.device_key)


def send(someone: Someone, talk: Talk, sealed: SealedMessage) -> Any:
    return someone.post(f"conversations/{talk.id}/messages", {"envelope": envelope_json(sealed)})


def sent(someone: Someone, talk: Talk, body: bytes = b'{"t":"text","text":"hello"}', **changes: Any) -> UUID:
    id, sealed = seal(someone, talk, body, **changes)
    answer = send(someone, talk, sealed)
    assert answer.status_code == 201, answer.content
    return id


def hand_over(night: Night, to: Someone) -> None:
    Duty.objects.filter(role=night.uni.role.id, ended_at=None).update(ended_at=database_now())
    Duty.objects.create(role_id=night.uni.role.id, person_id=to.id)


def end_membership(someone: Someone) -> None:
    Membership.objects.filter(person=someone.id).update(state="ended", ended_at=timezone.now())


def revoke_device(someone: Someone) -> None:
    Device.objects.filter(pk=someone.device_id).update(revoked_at=timezone.now())


def end_sign_in(someone: Someone) -> None:
    SignIn.objects.filter(pk=someone.sign_in_id).update(ended_at=timezone.now())


LAPSES = {"membership ended": end_membership, "device revoked": revoke_device, "signed out": end_sign_in}


def refusals(night: Night, someone: Someone) -> list[str]:
    """The codes with which this person was refused, in the log of the own hospital."""
    events = night.audit_of(someone.hospital)
    return [event.detail["code"] for event in events if event.outcome == "refused" and event.agent["person"] == str(someone.pseudonym)]
