"""Signing in and out.

Invariant: a sign-in is of one person on one device, proved by a passkey with user verification or at the hospital's own provider, and
always by the device's own key over the same challenge; it ends 12 hours after that proof at the latest. Every attempt that names a known
passkey or account is in that hospital's log, good or not.
"""

import hashlib
from datetime import datetime
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
from identity.models import Device, Membership, Passkey, Person, SignIn, SsoSubject
from identity.services import sso_proofs
from identity.services.sso_subjects import Basis, basis_of_passkey, require_vouched
from wardline_client.protocol import ProtocolError
from wardline_client.protocol.signing import verify

AGAIN_AFTER: Final = sso_proofs.LASTS


def sign_in(
    *, session: SessionBase, credential: dict[str, Any], device_id: UUID, signature: bytes, at: datetime, former: Actor | None
) -> SignIn:
    """Sign in with a passkey on a registered device. ``at`` is the device's clock: its skew is noted. ``former`` is whom the cookie
    named until now.

    Raises:
        Unauthenticated: ``challenge.unknown``, ``passkey.unknown``, ``passkey.refused``, ``device.unknown``, ``device.signature``,
            ``device.revoked``, ``membership.ended``, ``sso.required``, ``sso.refused``.
    """
    challenge = challenges.take(session, purpose="sign-in")
    passkey = Passkey.objects.select_related("person").filter(credential_id=passkeys.credential_id(credential), revoked_at=None).first()
    if passkey is None:
        raise Unauthenticated("passkey.unknown", "This passkey is not known here.")
    membership = Membership.objects.filter(person=passkey.person_id).order_by("-created_at").first()
    try:
        verified = _verify_passkey(credential, challenge, passkey)
        device = _verify_device(passkey.person_id, device_id, signature, challenge)
        membership = _open(membership)
        asking = {"person_id": passkey.person_id, "hospital_id": membership.hospital_id, "device_id": device.id}
        basis = basis_of_passkey(**asking, former=former)
        with transaction.atomic():
            Passkey.objects.filter(pk=passkey.pk).update(sign_count=verified.new_sign_count, last_used_at=timezone.now())
            return _enter(session, device, membership, challenge, basis, at=at, former=former)
    except Unauthenticated as error:
        _note_refusal(passkey.person, membership, device_id, error.code, "passkey")
        raise


def sign_in_from_provider(*, session: SessionBase, device_id: UUID, signature: bytes, at: datetime, former: Actor | None) -> SignIn:
    """Sign in by what the hospital's provider proved (``sso_proofs.finish``), on a registered device of that person.

    Raises:
        Unauthenticated: ``challenge.unknown``, ``sso.not_bound``, ``device.unknown``, ``device.signature``, ``device.revoked``,
            ``membership.ended``, ``sso.refused``. NotFound: the hospital has another provider by now.
    """
    proof = sso_proofs.take(session, purpose="sign-in")
    if proof is None:
        raise Unauthenticated("challenge.unknown", "Start again: this attempt took too long or was made before.")
    subject = SsoSubject.objects.select_related("person").filter(provider=proof.provider, subject=proof.subject, ended_at=None).first()
    if subject is None:
        raise Unauthenticated("sso.not_bound", "This account is not connected. Sign in with your passkey and connect it under Me.")
    membership = Membership.objects.filter(person=subject.person_id, hospital=proof.provider.hospital_id).order_by("-created_at").first()
    try:
        device = _verify_device(subject.person_id, device_id, signature, proof.challenge)
        membership = _open(membership)
        with transaction.atomic():
            return _enter(session, device, membership, proof.challenge, sso_proofs.basis_of(proof, subject), at=at, former=former)
    except Unauthenticated as error:
        _note_refusal(subject.person, membership, device_id, error.code, "oidc")
        raise


def _open(membership: Membership | None) -> Membership:
    if membership is None or membership.state not in Membership.OPEN:
        raise Unauthenticated("membership.ended", "Your membership has ended.")
    return membership


def _enter(
    session: SessionBase, device: Device, membership: Membership, challenge: bytes, basis: Basis, *, at: datetime, former: Actor | None
) -> SignIn:
    # Locked: a refusal that arrives in this very moment waits, and then ends what begins here.
    require_vouched(SsoSubject.objects.select_for_update().filter(person=device.person_id, ended_at=None).first())
    if former:
        end_sign_ins(id=former.sign_in_id)
    Device.objects.filter(pk=device.pk).update(last_seen_at=timezone.now())
    skew = int((at - timezone.now()).total_seconds())
    return begin(session=session, device=device, membership=membership, challenge=challenge, basis=basis, detail={"skew_seconds": skew})


def begin(
    *,
    session: SessionBase,
    device: Device,
    membership: Membership,
    challenge: bytes,
    basis: Basis = Basis(),  # noqa: B008 -- frozen
    detail: dict[str, str | int | list[str]] | None = None,
) -> SignIn:
    """Make the session one of this device, under a new cookie, so that one planted before is worth nothing (session fixation).

    Raises:
        Unauthenticated: ``challenge.unknown``: another request used the same challenge a moment earlier.
    """
    session.cycle_key()
    person, again = device.person, timezone.now() + AGAIN_AFTER
    try:
        with transaction.atomic():
            made = SignIn.objects.create(
                person=person,
                device=device,
                session_digest=session_digest(str(session.session_key)),
                challenge_digest=hashlib.sha256(challenge).digest(),
                method=basis.method,
                sso_subject=basis.subject,
                sso_session_digest=basis.session_digest,
                expires_at=min(basis.until or again, again),
            )
    except IntegrityError as error:
        session.flush()
        raise Unauthenticated("challenge.unknown", "Start again: this attempt was made before.") from error
    session["sign_in"] = str(made.id)
    session.set_expiry(max(1, int((made.expires_at - timezone.now()).total_seconds())))
    snapshot = snapshot_of(person.pseudonym)
    agent = Agent(person.pseudonym, membership.hospital_id, None, device.id, person.profession, made.method, snapshot)
    said = {**(detail or {}), **basis.detail}
    record(event=Event("identity.sign_in", agent, [membership.hospital_id], subjects={"sign_in": made.id}, detail=said))
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


def _verify_device(person_id: UUID, device_id: UUID, signature: bytes, challenge: bytes) -> Device:
    """The device, proved by its own key: a synced passkey or an account at the provider alone makes no device."""
    device = Device.objects.select_related("person").filter(pk=device_id, person=person_id).first()
    if device is None:
        raise Unauthenticated("device.unknown", "This device is not registered for you. Link it from one that is.")
    try:
        verify(bytes(device.public_key), "sign-in", (hashlib.sha256(challenge).digest(),), signature)
    except ProtocolError as error:
        raise Unauthenticated("device.signature", "The device's signature is wrong.") from error
    if device.revoked_at is not None:
        raise Unauthenticated("device.revoked", "This device was revoked.")
    return device


def _note_refusal(person: Person, membership: Membership | None, device_id: UUID, code: str, method: str) -> None:
    hospital = membership.hospital_id if membership else None
    agent = Agent(person.pseudonym, hospital, None, device_id, person.profession, method, snapshot_of(person.pseudonym))
    record_refused(Event("identity.sign_in", agent, [hospital] if hospital else [], outcome="refused", detail={"code": code}))
