"""Which hospitals accept each other.

Invariant: everything between two hospitals asks for the partnership when it is used, and whoever makes something new holds it
(``access.lock_partners``). So the end of one finds all there is, and closes it in its own transaction: nothing crosses afterwards but the
transfers that were promised before. The statement ends it for the clients, whatever the server says.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Invalid
from backend.realtime import ring_after_commit
from identity import access
from identity.actors import Actor
from identity.models import Hospital, Partnership
from identity.services import statements
from identity.services.hospitals import own_root
from wardline_client.protocol import Partner

Closing = Callable[[Actor, UUID], None]
_closings: list[Closing] = []


class Neighbour(NamedTuple):
    """Another hospital of the service, as a registrar sees it; both times: the two are partners."""

    hospital: Hospital
    accepted_at: datetime | None
    accepts_us_since: datetime | None


def when_ended(closing: Closing) -> Closing:
    """Have ``closing(actor, partner_id)`` called in the transaction that ends a partnership: for parts that stand above this one."""
    _closings.append(closing)
    return closing


@transaction.atomic
def read(*, actor: Actor) -> list[Neighbour]:
    """Every hospital that has a root, by name, and who accepted whom. Two queries and the audit event."""
    actor.require_registrar()
    here = actor.hospital_id
    hospitals = Hospital.objects.filter(root_public_key__isnull=False).exclude(pk=here).order_by("name", "id")
    rows = access.open_partnerships(here).values_list("hospital", "partner", "created_at")
    since = {(hospital, partner): created_at for hospital, partner, created_at in rows}
    found = [Neighbour(one, since.get((here, one.pk)), since.get((one.pk, here))) for one in hospitals]
    record(event=Event("identity.read_partners", actor.agent(), [here]))
    return found


@transaction.atomic
def accept(*, actor: Actor, signed: dict[str, bytes], partner_id: UUID) -> Partnership:
    """The registrar's hospital accepts another one, whose root the two registrars compared.

    Raises:
        NotFound: no such hospital. Conflict: ``partner.other_root``, ``partner.accepted``, a statement's code. Invalid: a statement's code.
    """
    actor.require_registrar()
    partner = access.hospital_to_accept(actor, partner_id)
    statement = statements.read(signed, kind="partner", hospital_id=actor.hospital_id, subject=partner.id, by=actor.person_id)
    if statement.body != Partner(root=bytes(partner.root_public_key or b"")):
        raise Conflict("partner.other_root", "The partner's root is another one. Compare it by telephone.")
    if Partnership.objects.filter(hospital=actor.hospital_id, partner=partner, ended_at=None).exists():
        raise Conflict("partner.accepted", "This hospital is accepted already.")
    row = statements.accept(statement, root=own_root(actor), agent=actor.agent(), subject=partner.id)
    partnership = Partnership.objects.create(hospital_id=actor.hospital_id, partner=partner, statement=row)
    _tell(actor, "identity.accept_partner", partner.id, {"t": "members"})
    return partnership


@transaction.atomic
def end(*, actor: Actor, signed: dict[str, bytes], partner_id: UUID) -> Partnership:
    """The registrar's hospital accepts another one no longer: access is cut in both directions with the commit.

    Raises:
        NotFound: not accepted, or no more. Invalid: ``statement.unexpected``, a statement's code. Conflict: a statement's code.
    """
    actor.require_registrar()
    partnership = access.partnership_to_end(actor, partner_id)
    statement = statements.read(signed, kind="partner", hospital_id=actor.hospital_id, subject=partner_id, by=actor.person_id)
    if statement.body != Partner(root=None):
        raise Invalid("statement.unexpected", "The statement does not end the partnership.")
    partnership.ended_at = timezone.now()
    partnership.save(update_fields=["ended_at"])
    # Requests and conversations before the directory: its lock comes last.
    for closing in _closings:
        closing(actor, partner_id)
    statements.accept(statement, root=own_root(actor), agent=actor.agent(), subject=partner_id)
    _tell(actor, "identity.end_partner", partner_id, {"t": "resync"})
    return partnership


def _tell(actor: Actor, action: str, partner_id: UUID, ring: dict[str, str]) -> None:
    record(event=Event(action, actor.agent(), [actor.hospital_id, partner_id], subjects={"hospital": partner_id}))
    ring_after_commit([*access.colleagues(actor.hospital_id), *access.colleagues(partner_id)], ring)
