"""Reading requests.

Invariant: who looked at what is in the log before it leaves: the event commits with the transaction of the read, and a read whose event
cannot be written gives nothing. Who was called and looks has been reached.
"""

from collections.abc import Callable
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from audit.events import Event
from audit.services import record
from beds import access
from beds.models import Request
from beds.services.alarms import note_fetched
from identity.actors import Actor


@transaction.atomic
def read_requests(*, actor: Actor, page: Callable[[QuerySet[Request]], list[Request]], state: str | None = None) -> list[Request]:
    """What ``page`` cuts out of the requests the actor's hospital made or was asked."""
    found = page(access.requests_of(actor, state=state))
    note_fetched(actor, found)
    record(event=Event("beds.read_requests", actor.agent(), [actor.hospital_id], detail={"rows": len(found)}))
    return found


@transaction.atomic
def read_request(*, actor: Actor, request_id: UUID) -> Request:
    """One request with its history; the origin sees in its own log who else looked. Raises ``NotFound``."""
    found = access.request_of(actor, request_id)
    note_fetched(actor, [found])
    record(event=Event("beds.read_request", actor.agent(), [actor.hospital_id, found.origin_id], subjects={"request": found.pk}))
    return found
