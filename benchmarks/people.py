"""People for a load test, written into the database as enrolment would leave them.

Invariant: keys, devices, sign-ins and conversations are real (``create_conversation`` makes the latter); only the key
directory's statements are placeholders, for nothing that is measured here reads them.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from identity.actors import actor_of_session, session_digest
from identity.models import Device, Hospital, Membership, Person, PrincipalKey, SignIn, Statement
from messaging.envelopes import SealedEpoch
from messaging.services import create_conversation
from wardline_client.protocol.epochs import seal_epoch
from wardline_client.protocol.keys import PrincipalKeys
from wardline_client.protocol.messages import MessageHeader, SealedMessage, seal_message
from wardline_client.protocol.signing import SigningKey


@dataclass
class Somebody:
    """A signed-in person on one device; ``cookie`` is the session's."""

    id: UUID
    hospital: UUID
    device: UUID
    signing: SigningKey
    kem: bytes
    cookie: str


@dataclass
class Talk:
    """A conversation and its key."""

    id: UUID
    key: bytes


def make_hospital(slug: str) -> UUID:
    return Hospital.objects.create(slug=f"{slug}-{secrets.token_hex(4)}", name=slug, city=slug).pk


def make_person(hospital: UUID) -> Somebody:
    keys, signing = PrincipalKeys(os.urandom(32)), SigningKey(os.urandom(32))
    person = Person.objects.create(name="Load", profession="physician")
    Membership.objects.create(person=person, hospital_id=hospital, state="active", started_at=datetime.now(UTC))
    vouched = {
        "hospital_id": hospital,
        "generation": 1,
        "kid": keys.kem.kid,
        "kem_public_key": keys.kem.public,
        "sign_public_key": keys.sign.public,
    }
    PrincipalKey.objects.create(principal=person.pk, kind="user", statement=make_statement(hospital, "member", person.pk), **vouched)
    device = Device.objects.create(person=person, public_key=signing.public, statement=make_statement(hospital, "device", person.pk))
    cookie = secrets.token_hex(16)
    ends = datetime.now(UTC) + timedelta(hours=12)
    challenge = os.urandom(32)
    SignIn.objects.create(person=person, device=device, session_digest=session_digest(cookie), challenge_digest=challenge, expires_at=ends)
    return Somebody(person.pk, hospital, device.pk, signing, keys.kem.public, cookie)


def make_talk(first: Somebody, second: Somebody) -> Talk:
    talk, actor = uuid4(), actor_of_session(first.cookie)
    recipients = {somebody.id: somebody.kem for somebody in (first, second)}
    epoch = seal_epoch(
        conversation=talk,
        epoch=1,
        prev=None,
        by=first.id,
        role=None,
        device=first.device,
        at=datetime.now(UTC),
        recipients=recipients,
        retention="standard",
        signing_key=first.signing,
    )
    sealed = SealedEpoch(epoch.h, epoch.w, epoch.s)
    create_conversation(actor=actor, id=talk, kind="direct", members=list(recipients), epoch=sealed)
    return Talk(talk, epoch.key)


def seal(somebody: Somebody, talk: Talk, body: bytes, **changes: object) -> tuple[UUID, SealedMessage]:
    """A message ready to be sent; ``changes`` replace members of its header."""
    members = {"conversation": talk.id, "epoch": 1, "id": uuid4(), "by": somebody.id, "role": None, "device": somebody.device}
    header = MessageHeader(**{**members, "at": datetime.now(UTC), "prev": None, **changes})
    return header.id, seal_message(header=header, body=body, key=talk.key, signing_key=somebody.signing)


def make_statement(hospital: UUID, kind: str, subject: UUID) -> Statement:
    digest = hashlib.sha256(os.urandom(32)).digest()
    order = (Statement.objects.order_by("-order").values_list("order", flat=True).first() or 0) + 1
    return Statement.objects.create(
        digest=digest, hospital_id=hospital, kind=kind, subject=subject, header=b"{}", signature=bytes(64), order=order
    )
