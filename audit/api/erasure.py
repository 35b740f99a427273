"""Erase what the log knows of a person who has left.

Invariant: values, salts and every searchable trace of the pseudonym go in one transaction with the event that says so, in every log that
has the person; leaves, trees and proofs stay. The person's row gets a fresh pseudonym: the old one leads to nobody.
"""

from base64 import b64encode
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.db import transaction

from audit import openings
from audit.events import Event
from audit.exports.jobs import end_exports
from audit.leaves import OPERATOR
from audit.models import Export
from audit.services import record
from backend.errors import Conflict
from identity import access
from identity.actors import Actor
from identity.models import Membership, Person

AT_ONCE = 500  # commitments named in one leaf, which holds 65,535 bytes


@dataclass(frozen=True, slots=True)
class Erased:
    """``values``: how many versions of the personal values there were; ``logs``: in how many logs the erasure is an event."""

    values: int
    logs: int


@transaction.atomic
def erase(*, actor: Actor, person_id: UUID) -> Erased:
    """Erase the personal values in the log of somebody who was a member of the registrar's hospital.

    Raises:
        NotFound: never a member here. Conflict: ``privacy.still_member`` (here or elsewhere), ``privacy.nothing_left``.
    """
    actor.require_registrar()
    person = access.membership_at_own_hospital(actor, person_id, states=Membership.State.values).person
    if person.memberships.filter(state__in=Membership.OPEN).exists():
        raise Conflict("privacy.still_member", "Whoever still acts stays accountable by name. End the membership first.")
    person = Person.objects.select_for_update().get(pk=person.pk)
    former = person.pseudonym
    commitments = openings.erase(former)
    if not commitments:
        raise Conflict("privacy.nothing_left", "There is nothing of this person in the log that could still be erased.")
    logs = [log for log in openings.clear_index(former) if log != OPERATOR]
    hospitals = sorted({actor.hospital_id, *logs})
    # A file that was made earlier still has the values in it.
    made = Export.objects.filter(hospital__in=hospitals).exclude(state=Export.State.GONE).values_list("id", flat=True)
    end_exports(ids=list(made), agent=actor.agent(), action="audit.delete_export", reason="erasure")
    person.pseudonym = uuid4()
    person.save(update_fields=["pseudonym"])
    for start in range(0, len(commitments), AT_ONCE):
        named = [b64encode(commitment).decode() for commitment in commitments[start : start + AT_ONCE]]
        # The former pseudonym stands in the leaf only: as a subject it would be searchable again.
        detail: dict[str, str | int | list[str]] = {"commitments": named, "person": str(former)}
        record(event=Event("privacy.erased", actor.agent(), hospitals, detail=detail))
    return Erased(values=len(commitments), logs=len(hospitals))
