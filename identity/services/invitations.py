"""Invitations and device links: how somebody, or another device, is let in.

Invariant: each is for one use and expires; the database knows no token (``identity.tokens``).
"""

from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Gone, Invalid, NotFound
from identity import access
from identity.actors import Actor
from identity.models import DeviceLink, HospitalSetup, Invitation, Membership, Person
from identity.tokens import token_hash, token_of_action
from wardline_client.protocol import Profile

Offer = TypeVar("Offer", Invitation, DeviceLink, HospitalSetup)
INVITATION_LASTS: Final = timedelta(days=3)
LINK_LASTS: Final = timedelta(minutes=10)


@transaction.atomic
def invite(*, actor: Actor, key: UUID, who: Profile) -> tuple[str, Invitation]:
    """Invite a person to the registrar's hospital: ``(token, invitation)``. The same ``key`` gives the same invitation.

    Raises:
        Conflict: ``idempotency.key_reused`` for another person's details.
    """
    actor.require_registrar()
    token = token_of_action("invitation", actor.person_id, key)
    fields = {"hospital_id": actor.hospital_id, "created_by_id": actor.person_id, "expires_at": timezone.now() + INVITATION_LASTS}
    invitation, is_new = Invitation.objects.get_or_create(token_hash=token_hash(token), defaults={**vars(who), **fields})
    if is_new:
        record(event=invited(actor, who))
    elif profile_of(invitation) != who:
        raise Conflict("idempotency.key_reused", "This key was used for a different request.")
    return token, invitation


def invited(actor: Actor, who: Profile) -> Event:
    return Event("identity.invite", actor.agent(), [actor.hospital_id], detail=credentials(who))


def profile_of(invitation: Invitation) -> Profile:
    return Profile(**{field: getattr(invitation, field) for field in Profile.__annotations__})


def credentials(who: Profile | Invitation | Person) -> dict[str, str | int | list[str]]:
    """What a registrar verifies, as codes for the log."""
    return {"profession": who.profession, "speciality": who.speciality}


@transaction.atomic
def offer_link(
    *, actor: Actor, token: str, sealed: bytes | None, lasts: timedelta = LINK_LASTS, archive_id: UUID | None = None
) -> DeviceLink:
    """Offer to make another device one of the actor's (or, as registrar, one of the hospital's archive).

    Without ``sealed`` the new device is compared first (``services.linking``). With it the link alone is enough: for an archive, whose
    gateway has no screen to compare on, and in the demo.

    Raises:
        NotFound: no such archive. Conflict: ``link.token_used``. Invalid: ``link.not_compared``.
    """
    if sealed is not None and archive_id is None and settings.MODE != "demo":
        raise Invalid("link.not_compared", "A person's new device is compared on the old one before it gets anything.")
    if sealed is None and archive_id is not None:
        raise Invalid("link.not_sealed", "An archive's gateway has nothing to compare on: seal its payload into the link.")
    person = Person(pk=actor.person_id)
    if archive_id is not None:
        actor.require_registrar()
        person = access.archive_of_own_hospital(actor, archive_id)
    link = make_link(person_id=person.pk, token=token, sealed=sealed, expires_at=timezone.now() + lasts, device_id=actor.device_id)
    record(event=Event("identity.offer_link", actor.agent(), [actor.hospital_id]))
    return link


def make_link(
    *, person_id: UUID, token: str, sealed: bytes | None, expires_at: datetime, device_id: UUID | None = None, is_recovery: bool = False
) -> DeviceLink:
    """Raises: Conflict: ``link.token_used``."""
    fields: dict[str, Any] = {"person_id": person_id, "created_by_id": device_id, "is_recovery": is_recovery}
    fields |= {"sealed": sealed or b"", "is_compared": sealed is None}
    try:
        with transaction.atomic():
            return DeviceLink.objects.create(token_hash=token_hash(token), expires_at=expires_at, **fields)
    except IntegrityError as error:
        raise Conflict("link.token_used", "This token was used before. Make another.") from error


@transaction.atomic
def look_invitation(token: str) -> Invitation:
    """For whoever holds the token; it shows a name, so looking is an event, though nobody is signed in. Raises as ``invitation_of``."""
    invitation = invitation_of(token)
    record(event=Event("identity.look_invitation", None, [invitation.hospital_id], detail=credentials(invitation)))
    return invitation


@transaction.atomic
def look_link(token: str) -> DeviceLink:
    """It gives out a sealed seed, unless the link is a compared one. Raises as ``link_of``."""
    link = link_of(token)
    hospitals = Membership.objects.filter(person=link.person_id).order_by("-created_at").values_list("hospital", flat=True)[:1]
    record(event=Event("identity.look_link", None, list(hospitals), subjects={"person": link.person.pseudonym}))
    return link


@transaction.atomic
def look_setup(token: str) -> HospitalSetup:
    """Raises as ``setup_of``."""
    setup = setup_of(token)
    record(event=Event("identity.look_setup", None, [setup.hospital_id]))
    return setup


def invitation_of(token: str, *, lock: bool = False) -> Invitation:
    """Raises: NotFound: ``invitation.unknown``. Gone: ``invitation.used``, ``invitation.expired``, ``invitation.withdrawn``."""
    found = Invitation.objects.select_for_update(of=["self"]) if lock else Invitation.objects.all()
    invitation = still_open(found.select_related("hospital").filter(token_hash=token_hash(token)).first(), "invitation")
    if invitation.withdrawn_at is not None:
        raise Gone("invitation.withdrawn", "This invitation was withdrawn. Ask for another one.")
    # Asked here and not ended with the membership: a registrar may be inviting in the very moment of leaving.
    active = Membership.objects.filter(person=invitation.created_by_id, hospital=invitation.hospital_id, state=Membership.State.ACTIVE)
    if not active.filter(is_registrar=True).exists():
        raise Gone("invitation.withdrawn", "Who invited you is no registrar any more. Ask for another invitation.")
    return invitation


def link_of(token: str, *, lock: bool = False, is_recovery: bool = False) -> DeviceLink:
    """A link of a person's own device or, with ``is_recovery``, a registrar's; neither is good as the other.

    Raises: NotFound: ``link.unknown``. Gone: ``link.used``, ``link.expired``.
    """
    found = DeviceLink.objects.select_for_update(of=["self"]) if lock else DeviceLink.objects.all()
    found = found.select_related("person", "created_by").filter(is_recovery=is_recovery)
    return still_open(found.filter(token_hash=token_hash(token)).first(), "link")


def setup_of(token: str, *, lock: bool = False) -> HospitalSetup:
    """Raises: NotFound: ``setup.unknown``. Gone: ``setup.used``, ``setup.expired``."""
    found = HospitalSetup.objects.select_for_update(of=["self"]) if lock else HospitalSetup.objects.all()
    return still_open(found.select_related("hospital").filter(token_hash=token_hash(token)).first(), "setup")


def still_open(found: Offer | None, part: str) -> Offer:
    """Raises: NotFound: ``<part>.unknown``. Gone: ``<part>.used``, ``<part>.expired``."""
    if found is None:
        raise NotFound(f"{part}.unknown", "This link is not known here.")
    if found.used_at is not None:
        raise Gone(f"{part}.used", "This link was used already.")
    if found.expires_at <= timezone.now():
        raise Gone(f"{part}.expired", "This link has expired. Ask for another.")
    return found
