"""How long a phone may lie untouched before it forgets its keys.

Invariant: one value per hospital, between the bounds the table keeps; it holds from each phone's next unlocking on.
"""

from datetime import timedelta

from django.db import transaction

from audit.events import Event
from audit.services import record
from identity.actors import Actor
from identity.models import Hospital


@transaction.atomic
def change(*, actor: Actor, minutes: int) -> timedelta:
    """``minutes`` from 1 to 60, at the actor's hospital. Raises: Forbidden: ``registrar.required``."""
    actor.require_registrar()
    after = timedelta(minutes=minutes)
    Hospital.objects.filter(pk=actor.hospital_id).update(idle_lock_after=after)
    record(event=Event("identity.change_idle_lock", actor.agent(), [actor.hospital_id], detail={"minutes": minutes}))
    return after
