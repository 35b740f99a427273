"""Several who leave, from a list of the hospital's.

Invariant: one act and one transaction for each person, so that one who cannot leave holds up nobody; a list may come again. A rehearsal
does the very same and takes it back.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import TextChoices

from audit.events import Event
from audit.services import record
from backend.errors import DomainError
from identity.actors import Actor
from identity.models import Membership
from identity.services import members

AT_ONCE = 500


class Result(TextChoices):
    ENDED = "ended"
    ENDED_BEFORE = "ended_before"
    REFUSED = "refused"


class Leaver(NamedTuple):
    person: UUID
    result: Result
    code: str | None = None  # why it was refused


def end_all(*, actor: Actor, people: Iterable[UUID]) -> list[Leaver]:
    """End these memberships, each in a transaction of its own, in their order. Raises: Forbidden: ``registrar.required``."""
    actor.require_registrar()
    return [_end(actor, person) for person in dict.fromkeys(people)]


@transaction.atomic
def rehearse(*, actor: Actor, people: Iterable[UUID]) -> list[Leaver]:
    """What ``end_all`` would say, with nothing done. Raises: Forbidden: ``registrar.required``."""
    actor.require_registrar()
    with transaction.atomic():
        found = [_end(actor, person) for person in dict.fromkeys(people)]
        transaction.set_rollback(True)
    counts = {result.value: sum(leaver.result == result for leaver in found) for result in Result}
    record(event=Event("identity.check_leavers", actor.agent(), [actor.hospital_id], detail=counts))
    return found


def _end(actor: Actor, person_id: UUID) -> Leaver:
    was_over = Membership.objects.filter(person=person_id, hospital=actor.hospital_id).exclude(state__in=Membership.OPEN).exists()
    try:
        members.end(actor=actor, person_id=person_id)
    except DomainError as error:
        return Leaver(person_id, Result.REFUSED, error.code)
    return Leaver(person_id, Result.ENDED_BEFORE if was_over else Result.ENDED)
