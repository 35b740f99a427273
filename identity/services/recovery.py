"""Back in with nothing but the printed code.

Invariant: it takes two: a registrar who has the person in front of them and offers a link, and the code, which no server ever had. The link
alone opens nothing, the code alone gets no wrapped seed; each step is in the hospital's log, and a code that was used is spent.
"""

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, NotFound
from identity import access
from identity.actors import Actor
from identity.models import DeviceLink, Membership, Person, PrincipalKey, Restoration, SeedWrap
from identity.services.enrolment import membership_of_link
from identity.services.invitations import link_of, make_link

LASTS: Final = timedelta(minutes=60)


class Opened(NamedTuple):
    membership: Membership
    wraps: list[SeedWrap]
    keys: list[PrincipalKey]


@transaction.atomic
def offer(*, actor: Actor, person_id: UUID, token: str) -> DeviceLink:
    """A registrar's one-time link for a member who has no device left, good for an hour.

    Raises:
        NotFound: no active member of this hospital, or an archive. Conflict: ``recovery.no_code``, ``link.token_used``.
    """
    actor.require_registrar()
    person = access.membership_at_own_hospital(actor, person_id, states=[Membership.State.ACTIVE]).person
    if person.kind != Person.Kind.HUMAN:
        raise NotFound()
    if not _wraps(person.id):
        raise Conflict("recovery.no_code", "This person has no recovery code. Invite them anew.")
    until = timezone.now() + LASTS
    link = make_link(person_id=person.id, token=token, sealed=b"", expires_at=until, device_id=actor.device_id, is_recovery=True)
    record(event=Event("identity.offer_recovery", actor.agent(), [actor.hospital_id], subjects={"person": person.pseudonym}))
    return link


@transaction.atomic
def open_link(token: str) -> Opened:
    """What the code opens, with the share, for whoever holds the link; it does not use the link up. Each time is an event.

    Raises:
        NotFound: ``link.unknown``. Gone: ``link.used``, ``link.expired``. Unauthenticated: ``membership.ended``, ``device.revoked``.
    """
    link = link_of(token, is_recovery=True)
    if Restoration.objects.filter(link=link).exists():
        # A link for the officers' way: whoever has it gets nothing that a printed code would open.
        raise NotFound("link.unknown", "This link is not known here.")
    membership = membership_of_link(link)
    keys = list(PrincipalKey.objects.filter(principal=link.person_id).order_by("generation"))
    record(event=Event("identity.open_recovery", None, [membership.hospital_id], subjects={"person": link.person.pseudonym}))
    return Opened(membership, _wraps(link.person_id), keys)


def _wraps(person_id: UUID) -> list[SeedWrap]:
    return list(SeedWrap.objects.filter(person=person_id, kind=SeedWrap.Kind.RECOVERY, ended_at=None).order_by("id"))
