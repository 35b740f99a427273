"""A person's devices, and the wrapped seeds that open on them.

Invariant: the share that completes a wrapped seed leaves the server only to a signed-in device that is not revoked; revoking a device ends
its sign-ins, sockets and its wrap in the transaction that stores the signed reason.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Invalid, NotFound
from backend.realtime import ring_after_commit
from identity import access
from identity.actors import Actor, Lapse
from identity.models import Device, DeviceLink, KeyRenewal, Membership, Passkey, PrincipalKey, RestorationApproval, SeedWrap
from identity.services import statements
from identity.services.hospitals import own_root
from identity.services.sign_in import end_sign_ins
from wardline_client.protocol import Revocation

MAX_WRAPS = 32


class Unlock(NamedTuple):
    wraps: list[SeedWrap]
    keys: list[PrincipalKey]


@transaction.atomic
def unlock(*, actor: Actor, is_by_code: bool = False) -> Unlock:
    """The wrapped seeds this device may try, with their shares. Committed to the log before anything leaves.

    ``is_by_code``: those of the printed code and no others, so that the log has who took to it.
    """
    own = Q(device=actor.device_id) | Q(passkey__revoked_at=None, passkey__isnull=False)
    usable = Q(kind=SeedWrap.Kind.RECOVERY) if is_by_code else own
    wraps = list(SeedWrap.objects.select_related("passkey").filter(usable, person=actor.person_id, ended_at=None).order_by("id"))
    keys = list(PrincipalKey.objects.filter(principal=actor.person_id).order_by("generation"))
    detail: dict[str, str | int | list[str]] = {"by": "recovery"} if is_by_code else {}
    record(event=Event("identity.unlock", actor.agent(), [actor.hospital_id], subjects={"device": actor.device_id}, detail=detail))
    return Unlock(wraps, keys)


def lapse_of(device_id: UUID) -> Lapse | None:
    """Why a device is nobody's any more, for a phone whose cookie is gone: a lost one that is switched on days later wipes itself.

    No event: whoever knows the id may ask, and must not be able to write into the log in its owner's name. The answer is in the key
    directory anyway.
    """
    device = Device.objects.filter(pk=device_id).first()
    if device is None:
        return None
    if device.revoked_at is not None:
        return Lapse.DEVICE_REVOKED
    is_open = Membership.objects.filter(person=device.person_id, state__in=Membership.OPEN).exists()
    return None if is_open else Lapse.MEMBERSHIP_ENDED


@transaction.atomic
def add_wrap(*, actor: Actor, kind: str, credential_id: bytes | None, wrap: bytes, share: bytes) -> SeedWrap:
    """Keep another wrapped copy. Former copies stay: a bad one must not lock its owner out.

    Raises:
        Invalid: ``wraps.credential_missing``. NotFound: ``passkey.unknown``. Conflict: ``wraps.too_many``.
    """
    passkey = None
    if kind == SeedWrap.Kind.PASSKEY:
        if credential_id is None:
            raise Invalid("wraps.credential_missing", "Say which passkey this copy belongs to.")
        passkey = Passkey.objects.filter(person=actor.person_id, credential_id=credential_id, revoked_at=None).first()
        if passkey is None:
            raise NotFound("passkey.unknown", "This passkey is not known here.")
    if SeedWrap.objects.filter(person=actor.person_id, ended_at=None).count() >= MAX_WRAPS:
        raise Conflict("wraps.too_many", "There are too many wrapped copies.")
    generation = PrincipalKey.objects.filter(principal=actor.person_id, replaced_at=None).values_list("generation", flat=True).first() or 1
    device_id = actor.device_id if kind == SeedWrap.Kind.DEVICE else None
    made = SeedWrap.objects.create(
        person_id=actor.person_id, kind=kind, passkey=passkey, device_id=device_id, generation=generation, wrap=wrap, share=share
    )
    record(event=Event("identity.add_wrap", actor.agent(), [actor.hospital_id], detail={"kind": kind}))
    return made


@transaction.atomic
def read_own(*, actor: Actor) -> list[Device]:
    found = list(Device.objects.filter(person=actor.person_id).order_by("-created_at"))
    record(event=Event("identity.read_devices", actor.agent(), [actor.hospital_id]))
    return found


@transaction.atomic
def read_of_member(*, actor: Actor, person_id: UUID) -> list[Device]:
    """A member's devices, newest first, for a registrar who is told that one is lost; also a former member's.

    Raises:
        NotFound: nobody of this hospital.
    """
    actor.require_registrar()
    person, found = access.devices_at_own_hospital(actor, person_id)
    record(event=Event("identity.read_devices", actor.agent(), [actor.hospital_id], subjects={"person": person.pseudonym}))
    return found


@transaction.atomic
def read_owed(*, actor: Actor) -> list[Device]:
    """Devices of those who left that a registrar's client has yet to sign away: without its statement a lying server could go on showing
    them to other clients as good.
    """
    actor.require_registrar()
    found = access.devices_of_who_left(actor)
    record(event=Event("identity.read_devices", actor.agent(), [actor.hospital_id], detail={"owed": len(found)}))
    return found


@transaction.atomic
def revoke(*, actor: Actor, device_id: UUID, signed: dict[str, bytes]) -> Device:
    """Lock a device out for good: by its owner, or by a registrar of the owner's hospital.

    Raises:
        NotFound: not the actor's to revoke. Conflict: ``device.revoked`` already, a statement's code. Invalid: a statement's code.
    """
    device = access.own_device(actor, device_id)
    statement = statements.read(signed, kind="device-revoked", hospital_id=actor.hospital_id, subject=device.id, by=actor.person_id)
    body = statement.body
    if not isinstance(body, Revocation) or body.principal != device.person_id:
        raise Invalid("statement.unexpected", "The statement names another owner.")
    now = timezone.now()
    # The conditional update decides between two who revoke at once.
    if not Device.objects.filter(pk=device.pk, revoked_at=None).update(revoked_at=now):
        raise Conflict("device.revoked", "This device was revoked before.")
    # Rows before the directory's lock: who answers one of these links at this moment, or makes a device by passkey, has that row and waits.
    _end_what_it_made(device, now)
    if body.reason in ("lost", "stolen"):
        # Whoever has the phone may have its synced passkey: none that exists now makes another device.
        Passkey.objects.filter(person=device.person_id).update(pin=None)
    statements.accept(statement, root=own_root(actor), agent=actor.agent(), subject=device.id)
    subjects = {"device": device.id, "person": device.person.pseudonym}
    record(event=Event("identity.revoke_device", actor.agent(), [actor.hospital_id], subjects=subjects, detail={"reason": body.reason}))
    # The other devices learn at once that one is gone, and that the person's key is due.
    ring_after_commit([device.person_id], {"t": "devices"})
    device.revoked_at = now
    return device


def _end_what_it_made(device: Device, now: datetime) -> None:
    """In the order of leaving."""
    end_sign_ins(device=device)
    SeedWrap.objects.filter(device=device, ended_at=None).update(ended_at=now)
    KeyRenewal.objects.filter(device=device, ended_at=None).update(ended_at=now)
    DeviceLink.objects.filter(created_by=device, used_at=None).update(used_at=now)
    RestorationApproval.objects.filter(device=device).delete()
