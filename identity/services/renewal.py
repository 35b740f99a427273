"""The next generation of a person's own key, after a phone was lost with what was in its memory.

Invariant: it takes two. The person's device makes the seed and everything that hangs on it, a registrar who compared the fingerprint signs
the keys, and in that transaction all of it takes effect or none: whoever has the former seed can sign neither. Until then nothing changes,
and nothing that was sealed is held up.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Invalid, NotFound
from backend.realtime import ring_after_commit
from identity import access
from identity.actors import Actor
from identity.models import Device, KeyDeposit, KeyRenewal, Membership, Passkey, Person, PrincipalKey, Restoration, SeedWrap
from identity.services import statements
from identity.services.enrolment import registrars, require_kem, require_wraps
from identity.services.hospitals import add_generation, own_root, require_keys
from identity.services.restoring import end_restorations
from identity.services.role_rotation import losses_of
from identity.services.sign_in import end_sign_ins
from wardline_client.protocol import DeviceKey, ProtocolError, Revocation, Statement, decode, encode, kid, verify_statement

Signed = dict[str, bytes]


class State(StrEnum):
    """``outdated``: the person's devices have changed since, so it has to be made again."""

    NONE = "none"
    WAITING = "waiting"
    OUTDATED = "outdated"


class Standing(NamedTuple):
    """``due_since``: when a device was first lost under the present key; ``None``: there is nothing to renew for."""

    generation: int
    due_since: datetime | None
    state: State
    device: UUID | None


@dataclass(frozen=True)
class Draft:
    """What the person's device makes. ``ends`` are the signed ends of all their other devices, which have no way to the new seed."""

    generation: int
    kem: bytes
    sign: bytes
    history: bytes
    device: Signed
    ends: list[Signed]
    wraps: list[dict[str, Any]]


@transaction.atomic
def read_own(*, actor: Actor) -> Standing:
    """Whether the actor's key should be renewed, and how far that is. Audited. Raises: Forbidden: ``actor.not_human``."""
    actor.require_human()
    key, waiting = _present(actor.person_id), KeyRenewal.objects.filter(person=actor.person_id, ended_at=None).first()
    record(event=Event("identity.read_renewal", actor.agent(), [actor.hospital_id]))
    state = _state(waiting, _open_devices(actor.person_id))
    return Standing(key.generation, _due_since(key), state, waiting.device_id if waiting else None)


@transaction.atomic
def offer(*, actor: Actor, draft: Draft) -> KeyRenewal:
    """Keep the next generation until a registrar vouches for it. The same device may make it anew; another one once it is outdated.

    Raises:
        Forbidden: ``actor.not_human``. Conflict: ``renewal.not_due``, ``renewal.registrar``, ``renewal.waiting`` (``device``),
            ``renewal.stale``. Invalid: a statement's code, ``keys.malformed``, ``wraps.missing``, ``wraps.recovery_missing``.
        NotFound: ``passkey.unknown``.
    """
    actor.require_human()
    if actor.is_registrar:
        raise Conflict("renewal.registrar", "The root names a registrar's key: end the office first.")
    devices = _locked_devices(actor.person_id)
    key = _present(actor.person_id)
    if _due_since(key) is None:
        raise Conflict("renewal.not_due", "No device was lost under the present key.")
    _make_room(actor, devices)
    if draft.generation != key.generation + 1:
        raise Conflict("renewal.stale", "The key was renewed in the meantime.")
    require_kem(draft.kem)
    require_wraps(draft.wraps, with_recovery=True)
    _require_own_passkeys(actor, draft.wraps)
    _require_statements(actor, draft, key, devices)
    made = _keep(actor, draft)
    record(event=Event("identity.offer_renewal", actor.agent(), [actor.hospital_id], detail={"generation": draft.generation}))
    ring_after_commit(registrars(actor.hospital_id), {"t": "members"})
    return made


@transaction.atomic
def read_offered(*, actor: Actor) -> list[KeyRenewal]:
    """What waits for a registrar's signature, oldest first; audited. Raises: Forbidden: ``registrar.required``."""
    actor.require_registrar()
    found = list(access.renewals_at_own_hospital(actor))
    record(event=Event("identity.read_renewals", actor.agent(), [actor.hospital_id]))
    return found


@transaction.atomic
def approve(*, actor: Actor, person_id: UUID, signed: Signed) -> PrincipalKey:
    """Vouch for a person's next keys, after comparing the fingerprint of both: keys, history, copies, the device that stays and the end of
    the others, all at once.

    Raises:
        NotFound: nothing waits. Conflict: ``renewal.outdated``, a statement's code. Invalid: a statement's code.
    """
    actor.require_registrar()
    person = access.membership_at_own_hospital(actor, person_id, states=[Membership.State.ACTIVE]).person
    # In the order of ``revoke`` and ``offer``: devices, what waits, passkeys, and the directory last.
    _locked_devices(person.id)
    renewal = access.renewal_of(person.id)
    _lock_passkeys(person.id)
    statement = statements.read(signed, kind="member", hospital_id=actor.hospital_id, subject=person.id, by=actor.person_id)
    kem, sign = bytes(renewal.kem_public_key), bytes(renewal.sign_public_key)
    require_keys(statement, kem=kem, sign=sign, profile=bytes(person.profile), generation=renewal.generation)
    end_restorations(Restoration.objects.filter(person=person), reason="superseded", agent=actor.agent())
    statements.lock_directory()
    # Who makes a device holds the directory's lock: from here on there is none that we do not see.
    if _state(renewal, _open_devices(person.id)) != State.WAITING:
        raise Conflict("renewal.outdated", "The person's devices have changed. Let them make it again.")
    made = _take_effect(actor, person, renewal, statement)
    subjects, detail = {"person": person.pseudonym, "device": renewal.device_id}, {"generation": renewal.generation}
    record(event=Event("identity.renew_key", actor.agent(), [actor.hospital_id], subjects=subjects, detail=dict(detail)))
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "members"})
    ring_after_commit([person.id], {"t": "devices"})
    return made


def _take_effect(actor: Actor, person: Person, renewal: KeyRenewal, statement: Statement) -> PrincipalKey:
    root, agent, now = own_root(actor), actor.agent(), timezone.now()
    for end in renewal.statements["ends"]:
        # Signed by the former key, so before the keys that replace it.
        ended = _read(end, "device-revoked", actor.hospital_id, person.id)
        statements.accept(ended, root=root, agent=agent, subject=ended.subject)
        _end_device(ended.subject, now)
    row = statements.accept(statement, root=root, agent=agent, subject=person.pseudonym)
    history = bytes(renewal.history)
    made = add_generation(principal=person.id, kind=PrincipalKey.Kind.USER, statement=statement, row=row, history=history)
    stays = _read(renewal.statements["device"], "device", actor.hospital_id, person.id)
    stated = statements.accept(stays, root=root, agent=agent, subject=renewal.device_id)
    Device.objects.filter(pk=renewal.device_id).update(statement=stated)
    _replace_wraps(person, renewal, now)
    # It is of the former seed: a device makes the next one when it is unlocked.
    KeyDeposit.objects.filter(person=person, declined_at=None).delete()
    renewal.ended_at = now
    renewal.save(update_fields=["ended_at"])
    return made


def _end_device(device_id: UUID, now: datetime) -> None:
    device = Device.objects.get(pk=device_id)
    device.revoked_at = now
    device.save(update_fields=["revoked_at"])
    end_sign_ins(device=device)


def _replace_wraps(person: Person, renewal: KeyRenewal, now: datetime) -> None:
    """The former seed's copies end, the printed code's too; and what the former key said about the root (protocol 3.4)."""
    SeedWrap.objects.filter(person=person, ended_at=None).update(ended_at=now)
    Passkey.objects.filter(person=person).update(pin=None)
    passkeys = {encode(bytes(passkey.credential_id)): passkey for passkey in Passkey.objects.filter(person=person)}
    SeedWrap.objects.bulk_create(
        SeedWrap(
            person=person,
            kind=kept["kind"],
            passkey=passkeys[kept["credential_id"]] if kept["kind"] == SeedWrap.Kind.PASSKEY else None,
            device_id=renewal.device_id if kept["kind"] == SeedWrap.Kind.DEVICE else None,
            generation=renewal.generation,
            wrap=decode(kept["wrap"]),
            share=decode(kept["share"]),
        )
        for kept in renewal.wraps
    )


def _make_room(actor: Actor, devices: list[Device]) -> None:
    """Of two devices that renew at once the first one's offer stands, and the other is told whose."""
    waiting = KeyRenewal.objects.select_for_update().filter(person=actor.person_id, ended_at=None).first()
    if waiting is None:
        return
    if waiting.device_id != actor.device_id and _state(waiting, {device.id for device in devices}) == State.WAITING:
        raise Conflict("renewal.waiting", "Another of your devices has begun this.", device=str(waiting.device_id))
    waiting.ended_at = timezone.now()
    waiting.save(update_fields=["ended_at"])


def _require_own_passkeys(actor: Actor, wraps: list[dict[str, Any]]) -> None:
    own = {bytes(one) for one in Passkey.objects.filter(person=actor.person_id, revoked_at=None).values_list("credential_id", flat=True)}
    if any(wrap["kind"] == SeedWrap.Kind.PASSKEY and wrap["credential_id"] not in own for wrap in wraps):
        raise NotFound("passkey.unknown", "This passkey is not known here.")


def _require_statements(actor: Actor, draft: Draft, key: PrincipalKey, devices: list[Device]) -> None:
    """This device by the next key, the end of each other one by the present key: all of it will be believed when a registrar has signed."""
    stays = statements.read(draft.device, kind="device", hospital_id=actor.hospital_id, subject=actor.device_id, by=actor.person_id)
    before = statements.latest("device", actor.device_id, actor.hospital_id)
    is_next = before is not None and stays.prev == bytes(before.digest) and stays.kid == kid(draft.sign)
    if not is_next or stays.body != DeviceKey(actor.person_id, actor.device_public_key):
        raise Invalid("statement.unexpected", "The statement is not about this device by the next key.")
    _verify(stays, draft.sign)
    ends = [_read_end(signed, actor) for signed in draft.ends]
    others = [device.id for device in devices if device.id != actor.device_id]
    if sorted(end.subject for end in ends) != sorted(others):
        raise Conflict("renewal.stale", "Your devices have changed in the meantime.")
    for end in ends:
        _verify(end, bytes(key.sign_public_key or b""))


def _read_end(signed: Signed, actor: Actor) -> Statement:
    statement = statements.parsed(signed)
    expected = ("device-revoked", actor.hospital_id, actor.person_id, None)
    is_so = (statement.kind, statement.hospital, statement.by, statement.prev) == expected
    if not is_so or statement.body != Revocation(actor.person_id, "replaced"):
        raise Invalid("statement.unexpected", "The statement is not the end of a device of yours.")
    return statement


def _verify(statement: Statement, key: bytes) -> None:
    try:
        verify_statement(statement, key)
    except ProtocolError as error:
        raise statements.refused(error) from error


def _keep(actor: Actor, draft: Draft) -> KeyRenewal:
    wraps = [{name: encode(value) if isinstance(value, bytes) else value for name, value in wrap.items()} for wrap in draft.wraps]
    return KeyRenewal.objects.create(
        person_id=actor.person_id,
        device_id=actor.device_id,
        generation=draft.generation,
        kem_public_key=draft.kem,
        sign_public_key=draft.sign,
        history=draft.history,
        statements={"device": _as_text(draft.device), "ends": [_as_text(end) for end in draft.ends]},
        wraps=wraps,
    )


def _as_text(signed: Signed) -> dict[str, str]:
    return {name: encode(value) for name, value in signed.items()}


def _read(kept: dict[str, str], kind: str, hospital_id: UUID, by: UUID) -> Statement:
    signed = {name: decode(value) for name, value in kept.items()}
    return statements.read(signed, kind=kind, hospital_id=hospital_id, subject=statements.parsed(signed).subject, by=by)


def _state(renewal: KeyRenewal | None, devices: set[UUID]) -> State:
    if renewal is None:
        return State.NONE
    ends = {statements.parsed({name: decode(value) for name, value in end.items()}).subject for end in renewal.statements["ends"]}
    return State.WAITING if ends | {renewal.device_id} == devices else State.OUTDATED


def _present(person_id: UUID) -> PrincipalKey:
    return PrincipalKey.objects.get(principal=person_id, replaced_at=None)


def _due_since(key: PrincipalKey) -> datetime | None:
    return min((lost for lost in losses_of({key.principal})[key.principal] if lost > key.created_at), default=None)


def _locked_devices(person_id: UUID) -> list[Device]:
    return list(Device.objects.select_for_update().filter(person=person_id, revoked_at=None).order_by("id"))


def _lock_passkeys(person_id: UUID) -> None:
    """Who makes a device by one of them has its row, and waits for the directory."""
    list(Passkey.objects.select_for_update().filter(person=person_id).order_by("id").values_list("id", flat=True))


def _open_devices(person_id: UUID) -> set[UUID]:
    return set(Device.objects.filter(person=person_id, revoked_at=None).values_list("id", flat=True))
