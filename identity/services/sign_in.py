"""Signing in and out.

Invariant: a sign-in is of one person on one device, proved by a passkey with user verification and by the device's own key over the same
challenge; it ends after 12 hours at the latest. Every attempt that names a known passkey is in that hospital's log, good or not.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.events import Agent, Event
from audit.openings import snapshot_of
from audit.services import record, record_refused
from backend.errors import Unauthenticated
from backend.realtime import close_after_commit
from identity import challenges, passkeys
from identity.actors import Actor, session_digest
from identity.models import Device, Membership, Passkey, SignIn
from wardline_client.protocol import ProtocolError
from wardline_client.protocol.signing import verify

AGAIN_AFTER: Final = timedelta(hours=12)


def sign_in(
    *, session: SessionBase, credential: dict[str, Any], device_id: UUID, signature: bytes, at: datetime, former: Actor | None
) -> SignIn:
    """Sign in with a passkey on a registered device. ``at`` is the device's clock: its skew is noted. ``former`` is whom the cookie
    named until now.

    Raises:
        Unauthenticated: ``challenge.unknown``, ``passkey.unknown``, ``passkey.refused``, ``device.unknown``, ``device.signature``,
            ``device.revoked``, ``membership.ended``.
    """
    challenge = challenges.take(session, purpose="sign-in")
    passkey = Passkey.objects.select_related("person").filter(credential_id=passkeys.credential_id(credential), revoked_at=None).first()
    if passkey is None:
        raise Unauthenticated("passkey.unknown", "This passkey is not known here.")
    membership = Membership.objects.filter(person=passkey.person_id).order_by("-created_at").first()
    try:
        verified = _verify_passkey(credential, challenge, passkey)
        device = _verify_device(passkey, device_id, signature, challenge)
        if membership is None or membership.state not in Membership.OPEN:
            raise Unauthenticated("membership.ended", "Your membership has ended.")
        skew = int((at - timezone.now()).total_seconds())
        with transaction.atomic():
            if former:
                end_sign_ins(id=former.sign_in_id)
            Passkey.objects.filter(pk=passkey.pk).update(sign_count=verified.new_sign_count, last_used_at=timezone.now())
            Device.objects.filter(pk=device.pk).update(last_seen_at=timezone.now())
            return begin(session=session, device=device, membership=membership, challenge=challenge, detail={"skew_seconds": skew})
    except Unauthenticated as error:
        _note_refusal(passkey, membership, device_id, error.code)
        raise


def begin(
    *,
    session: SessionBase,
    device: Device,
    membership: Membership,
    challenge: bytes,
    detail: dict[str, str | int | list[str]] | None = None,
) -> SignIn:
    """Make the session one of this device, under a new cookie, so that one planted before is worth nothing (session fixation).

    Raises:
        Unauthenticated: ``challenge.unknown``: another request used the same challenge a moment earlier.
    """
    session.cycle_key()
    person = device.person
    try:
        with transaction.atomic():
            made = SignIn.objects.create(
                person=person,
                device=device,
                session_digest=session_digest(str(session.session_key)),
                challenge_digest=hashlib.sha256(challenge).digest(),
                expires_at=timezone.now() + AGAIN_AFTER,
            )
    except IntegrityError as error:
        session.flush()
        raise Unauthenticated("challenge.unknown", "Start again: this attempt was made before.") from error
    session["sign_in"] = str(made.id)
    session.set_expiry(int(AGAIN_AFTER.total_seconds()))
    snapshot = snapshot_of(person.pseudonym)
    agent = Agent(person.pseudonym, membership.hospital_id, None, device.id, person.profession, made.method, snapshot)
    record(event=Event("identity.sign_in", agent, [membership.hospital_id], subjects={"sign_in": made.id}, detail=detail or {}))
    return made


@transaction.atomic
def sign_out(*, actor: Actor) -> None:
    end_sign_ins(id=actor.sign_in_id)
    record(event=Event("identity.sign_out", actor.agent(), [actor.hospital_id], subjects={"sign_in": actor.sign_in_id}))


def end_sign_ins(**whose: Any) -> int:
    """End sign-ins and, after commit, their sockets; how many there were. Within the caller's transaction."""
    ending = list(SignIn.objects.select_for_update().filter(ended_at=None, **whose).values_list("id", flat=True))
    SignIn.objects.filter(id__in=ending).update(ended_at=timezone.now())
    close_after_commit(ending)
    return len(ending)


def _verify_passkey(credential: dict[str, Any], challenge: bytes, passkey: Passkey) -> Any:
    return passkeys.verify_assertion(credential, challenge, public_key=bytes(passkey.public_key), sign_count=passkey.sign_count)


def _verify_device(passkey: Passkey, device_id: UUID, signature: bytes, challenge: bytes) -> Device:
    """The device, proved by its own key: a synced passkey alone makes no device."""
    device = Device.objects.select_related("person").filter(pk=device_id, person=passkey.person_id).first()
    if device is None:
        raise Unauthenticated("device.unknown", "This device is not registered for you. Link it from one that is.")
    try:
        verify(bytes(device.public_key), "sign-in", (hashlib.sha256(challenge).digest(),), signature)
    except ProtocolError as error:
        raise Unauthenticated("device.signature", "The device's signature is wrong.") from error
    if device.revoked_at is not None:
        raise Unauthenticated("device.revoked", "This device was revoked.")
    return device


def _note_refusal(passkey: Passkey, membership: Membership | None, device_id: UUID, code: str) -> None:
    hospital = membership.hospital_id if membership else None
    person = passkey.person
    agent = Agent(person.pseudonym, hospital, None, device_id, person.profession, "passkey", snapshot_of(person.pseudonym))
    record_refused(Event("identity.sign_in", agent, [hospital] if hospital else [], outcome="refused", detail={"code": code}))
