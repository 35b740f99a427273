"""Who joined and is not let in.

Invariant: only somebody who waits is rejected, with a reason in the log; nothing of what they made stays good.
"""

from typing import Final
from uuid import UUID

from django.db import transaction

from audit.events import Event
from audit.services import record
from backend.errors import Conflict
from identity import access
from identity.actors import Actor
from identity.models import Membership
from identity.services.members import end, lock_registrars

REASONS: Final = ("fingerprint_differs", "not_expected", "wrong_details", "other")


@transaction.atomic
def reject(*, actor: Actor, person_id: UUID, reason: str) -> Membership:
    """Turn away a person who joined: their sign-ins, device and wraps end.

    Raises:
        NotFound: nobody of this hospital. Conflict: ``member.not_pending`` (``state``).
    """
    actor.require_registrar()
    lock_registrars(actor)
    membership = access.membership_at_own_hospital(actor, person_id, states=Membership.State.values)
    if membership.state != Membership.State.PENDING:
        raise Conflict("member.not_pending", "This person is not waiting for approval.", state=membership.state)
    subjects, detail = {"person": membership.person.pseudonym}, {"reason": reason}
    record(event=Event("identity.reject_member", actor.agent(), [actor.hospital_id], subjects=subjects, detail=detail))
    return end(actor=actor, person_id=person_id)
