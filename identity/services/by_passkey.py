"""A new device by a synced passkey alone, where the hospital allows it (protocol 3.4).

Invariant: it takes an assertion with user verification by a known, synced passkey that holds a copy of the seed and the person's word about
the root; the seed it opens signs the device. Opening and adding are each in the log, and every other device of the person is told.
"""

import hashlib
import os
from typing import Any, NamedTuple

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone

from audit.events import Agent, Event
from audit.openings import snapshot_of
from audit.services import record, record_refused
from backend.errors import DomainError, Forbidden, Unauthenticated
from backend.realtime import ring_after_commit
from identity import challenges, passkeys
from identity.actors import Actor
from identity.models import Hospital, Membership, Passkey, PrincipalKey, SeedWrap, SignIn
from identity.services import statements
from identity.services.enrolment import Enrolment, agent_of, make_device, present_key, read_device_statement
from identity.services.sign_in import begin
from identity.services.sso_subjects import basis_of_passkey
from wardline_client.protocol import ProtocolError
from wardline_client.protocol.signing import verify


class Opened(NamedTuple):
    membership: Membership
    passkey: Passkey
    wraps: list[SeedWrap]
    keys: list[PrincipalKey]
    grant: bytes


def open_copy(*, session: SessionBase, credential: dict[str, Any]) -> Opened:
    """The passkey's copy of the seed with its share, and a ``grant`` for one device within five minutes.

    Raises:
        Unauthenticated: ``challenge.unknown``, ``passkey.unknown``, ``passkey.refused``, ``membership.ended``, ``sso.required``,
            ``sso.refused``.
        Forbidden: ``passkey.not_enough``, ``passkey.not_synced``, ``passkey.no_copy``.
    """
    challenge = challenges.take(session, purpose="sign-in")
    passkey = Passkey.objects.select_related("person").filter(credential_id=passkeys.credential_id(credential), revoked_at=None).first()
    if passkey is None:
        raise Unauthenticated("passkey.unknown", "This passkey is not known here.")
    try:
        used = passkeys.verify_assertion(credential, challenge, public_key=bytes(passkey.public_key), sign_count=passkey.sign_count)
        with transaction.atomic():
            Passkey.objects.filter(pk=passkey.pk).update(sign_count=used.new_sign_count, last_used_at=timezone.now())
            opened = _open(passkey, is_synced=passkey.is_synced or used.credential_backed_up)
    except DomainError as error:
        _note_refusal(passkey, error.code)
        raise
    challenges.keep(session, opened.grant, purpose="by-passkey", token_hash=hashlib.sha256(bytes(passkey.credential_id)).digest())
    return opened


def add_device(*, session: SessionBase, credential_id: bytes, enrolment: Enrolment, signature: bytes) -> SignIn:
    """The device that the opened seed vouches for. ``signature`` is the device's own over the grant.

    Raises:
        As ``open_copy``. Unauthenticated: ``device.signature``. Conflict: ``device.known``. Conflict, Invalid: a statement's code.
    """
    grant = challenges.take(session, purpose="by-passkey", token_hash=hashlib.sha256(credential_id).digest())
    try:
        verify(enrolment.public_key, "by-passkey", (hashlib.sha256(grant).digest(),), signature)
    except ProtocolError as error:
        raise Unauthenticated("device.signature", "The device's signature is wrong.") from error
    with transaction.atomic():
        passkey = Passkey.objects.select_related("person").select_for_update(of=["self"]).get(credential_id=credential_id)
        person, membership = passkey.person, _allowed(passkey)
        agent = agent_of(person, membership.hospital_id, enrolment.device_id)
        statement = read_device_statement(enrolment, hospital_id=membership.hospital_id, person_id=person.id)
        row = statements.accept(statement, root=bytes(membership.hospital.root_public_key or b""), agent=agent, subject=enrolment.device_id)
        present_key(person.id, statement)
        device = make_device(person, enrolment, row, is_by_passkey=True)
        subjects = {"person": person.pseudonym, "device": device.id}
        record(event=Event("identity.add_device_by_passkey", agent, [membership.hospital_id], subjects=subjects))
        ring_after_commit([person.id], {"t": "devices"})
        return begin(session=session, device=device, membership=membership, challenge=grant)


@transaction.atomic
def read_rule(*, actor: Actor) -> bool:
    actor.require_registrar()
    record(event=Event("identity.read_passkey_rule", actor.agent(), [actor.hospital_id]))
    return Hospital.objects.values_list("is_passkey_enough", flat=True).get(pk=actor.hospital_id)


@transaction.atomic
def change_rule(*, actor: Actor, is_enough: bool) -> bool:
    """At the actor's hospital, from now on. Raises: Forbidden: ``registrar.required``."""
    actor.require_registrar()
    Hospital.objects.filter(pk=actor.hospital_id).update(is_passkey_enough=is_enough)
    detail = {"is_enough": "yes" if is_enough else "no"}
    record(event=Event("identity.change_passkey_rule", actor.agent(), [actor.hospital_id], detail=detail))
    return is_enough


def _open(passkey: Passkey, *, is_synced: bool) -> Opened:
    membership = _allowed(passkey)
    if not is_synced:
        raise Forbidden("passkey.not_synced", "This passkey lives on one device. Approve the new one on the old one.")
    wraps = list(SeedWrap.objects.filter(passkey=passkey, ended_at=None).order_by("id"))
    if not wraps:
        raise Forbidden("passkey.no_copy", "This passkey opens no copy of your keys. Approve the new device on an old one.")
    keys = list(PrincipalKey.objects.filter(principal=passkey.person_id).order_by("generation"))
    subjects = {"person": passkey.person.pseudonym}
    record(event=Event("identity.open_by_passkey", _agent(passkey, membership), [membership.hospital_id], subjects=subjects))
    return Opened(membership, passkey, wraps, keys, os.urandom(32))


def _allowed(passkey: Passkey) -> Membership:
    found = Membership.objects.select_related("hospital").filter(person=passkey.person_id, state=Membership.State.ACTIVE).first()
    if found is None:
        raise Unauthenticated("membership.ended", "The membership has ended.")
    # The hospital's sign-in service may want more than a passkey, or have refused the account.
    basis_of_passkey(person_id=passkey.person_id, hospital_id=found.hospital_id, device_id=None, former=None)
    if not found.hospital.is_passkey_enough:
        raise Forbidden("passkey.not_enough", "Your hospital wants a new device approved on an old one.")
    if passkey.pin is None:
        raise Forbidden("passkey.no_copy", "This passkey makes no further device. Approve the new device on an old one.")
    return found


def _agent(passkey: Passkey, membership: Membership | None) -> Agent:
    person, hospital = passkey.person, membership.hospital_id if membership else None
    return Agent(person.pseudonym, hospital, None, None, person.profession, "passkey", snapshot_of(person.pseudonym))


def _note_refusal(passkey: Passkey, code: str) -> None:
    membership = Membership.objects.filter(person=passkey.person_id).order_by("-created_at").first()
    hospitals = [membership.hospital_id] if membership else []
    record_refused(Event("identity.open_by_passkey", _agent(passkey, membership), hospitals, outcome="refused", detail={"code": code}))
