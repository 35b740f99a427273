"""A new device compared on the old one (protocol 3.2).

Invariant: a link is answered by one device; the old device hands out its opening for that answer alone, and a seed is kept here only for
the device whose digits were found equal there. A link refused is at an end.
"""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Gone
from identity import access
from identity.actors import Actor
from identity.models import DeviceLink, LinkClaim
from identity.services.enrolment import membership_of_link, require_kem
from identity.services.invitations import link_of, still_open
from identity.tokens import token_hash


@transaction.atomic
def claim(*, token: str, device_id: UUID, label: str, public_key: bytes, kem: bytes) -> LinkClaim:
    """The first device that answers the link; the same device may say so twice.

    Raises:
        As ``link_of`` and ``membership_of_link``. Conflict: ``link.needs_no_claim``, ``link.claimed``. Invalid: ``keys.malformed``.
    """
    link = link_of(token, lock=True)
    if not link.is_compared:
        raise Conflict("link.needs_no_claim", "This link is good as it is.")
    hospital = membership_of_link(link).hospital_id
    require_kem(kem)
    drafted = {"device_id": device_id, "label": label, "public_key": public_key, "kem_public_key": kem}
    known = LinkClaim.objects.filter(link=link).first()
    if known is None:
        # A second one at the same moment waits for the link's lock; the primary key holds without it.
        made = _create(link, drafted)
        subjects = {"person": link.person.pseudonym, "device": device_id}
        record(event=Event("identity.claim_link", None, [hospital], subjects=subjects))
        return made
    if (known.device_id, bytes(known.public_key), bytes(known.kem_public_key)) != (device_id, public_key, kem):
        raise Conflict("link.claimed", "Another device has answered this link. Make a new one on your old device.")
    return known


@transaction.atomic
def wait(*, token: str, device_id: UUID) -> LinkClaim:
    """What the old device has said of the device that asks. That the sealed seed leaves is an event; that nothing has happened is none.

    Raises:
        As ``link_of``. Gone: ``link.refused``. Conflict: ``link.claimed`` by another device, or by none.
    """
    found = LinkClaim.objects.select_related("link").filter(link__token_hash=token_hash(token), device_id=device_id).first()
    if found is not None and found.refused_at is not None:
        raise Gone("link.refused", "The old device refused this one.")
    link = link_of(token)
    if found is None:
        raise Conflict("link.claimed", "This link is not this device's. Make a new one on your old device.")
    if found.sealed is not None:
        hospitals = [membership_of_link(link).hospital_id]
        record(event=Event("identity.look_link", None, hospitals, subjects={"person": link.person.pseudonym, "device": device_id}))
    return found


@transaction.atomic
def read_claim(*, actor: Actor, token: str) -> LinkClaim | None:
    """The device that has answered a link of this device, if any has. Raises: NotFound. Gone: as ``link_of``."""
    link = still_open(access.own_link(actor, token_hash(token)), "link")
    found = LinkClaim.objects.filter(link=link).first()
    if found is not None:
        record(event=Event("identity.read_claim", actor.agent(), [actor.hospital_id], subjects={"device": found.device_id}))
    return found


@transaction.atomic
def hand_out(*, actor: Actor, token: str, opening: bytes) -> LinkClaim:
    """What the link committed to, for the device that has answered and no other: from here on its keys are fixed.

    Raises:
        NotFound, Gone: as ``read_claim``. Conflict: ``link.not_claimed``, ``link.opened`` with another opening.
    """
    found = _claimed(actor, token)
    if found.opening is not None and bytes(found.opening) != opening:
        raise Conflict("link.opened", "Something else was handed out for this link. Make a new one.")
    found.opening = opening
    found.save(update_fields=["opening"])
    record(event=Event("identity.open_link", actor.agent(), [actor.hospital_id], subjects={"device": found.device_id}))
    return found


@transaction.atomic
def decide(*, actor: Actor, token: str, sealed: bytes | None) -> LinkClaim:
    """The digits were equal, and ``sealed`` is the seed for that device; or ``None``: they were not, and the link is at an end.

    Raises:
        NotFound, Gone: as ``read_claim``. Conflict: ``link.not_claimed``, ``link.not_opened``, ``link.decided``.
    """
    found = _claimed(actor, token)
    if found.approved_at is not None:
        raise Conflict("link.decided", "This device was approved before. Revoke it if that was wrong.")
    if sealed is not None and found.opening is None:
        raise Conflict("link.not_opened", "Nothing was compared yet.")
    now = timezone.now()
    if sealed is None:
        found.refused_at = now
        DeviceLink.objects.filter(pk=found.link_id).update(used_at=now)
    else:
        found.approved_at, found.sealed = now, sealed
    found.save(update_fields=["approved_at", "refused_at", "sealed"])
    action = "identity.refuse_link" if sealed is None else "identity.approve_link"
    record(event=Event(action, actor.agent(), [actor.hospital_id], subjects={"device": found.device_id}))
    return found


def _claimed(actor: Actor, token: str) -> LinkClaim:
    """Locked until the transaction ends: link first, as where it is claimed and used."""
    link = still_open(access.own_link(actor, token_hash(token), lock=True), "link")
    found = LinkClaim.objects.select_for_update(of=["self"]).filter(link=link).first()
    if found is None:
        raise Conflict("link.not_claimed", "No device has answered this link yet.")
    return found


def _create(link: DeviceLink, drafted: dict[str, object]) -> LinkClaim:
    try:
        with transaction.atomic():
            return LinkClaim.objects.create(link=link, **drafted)
    except IntegrityError as error:
        raise Conflict("link.claimed", "Another device has answered this link. Make a new one on your old device.") from error
