"""Where a person is signed in, and how they end it elsewhere.

Invariant: a person sees and ends the own sign-ins alone; what is ended is out at its next request, and its socket is closed.
"""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from identity import access
from identity.actors import Actor
from identity.models import SignIn
from identity.services.sign_in import end_sign_ins


@transaction.atomic
def read_own(*, actor: Actor) -> list[SignIn]:
    """Those in force, newest first, with their devices."""
    is_open = SignIn.objects.filter(person=actor.person_id, ended_at=None, expires_at__gt=timezone.now(), device__revoked_at=None)
    found = list(is_open.select_related("device").order_by("-created_at"))
    record(event=Event("identity.read_sign_ins", actor.agent(), [actor.hospital_id]))
    return found


@transaction.atomic
def end(*, actor: Actor, sign_in_id: UUID) -> int:
    """End one; 0 if it had ended before. Raises: NotFound: none of the actor's."""
    ending = access.own_sign_in(actor, sign_in_id)
    ended = end_sign_ins(id=ending.id)
    subjects = {"sign_in": ending.id, "device": ending.device_id}
    record(event=Event("identity.end_sign_in", actor.agent(), [actor.hospital_id], subjects=subjects, detail={"count": ended}))
    return ended


@transaction.atomic
def end_others(*, actor: Actor) -> int:
    """End all but the one that asks; how many there were."""
    others = SignIn.objects.filter(person=actor.person_id, ended_at=None).exclude(id=actor.sign_in_id)
    ended = end_sign_ins(id__in=others.values("id"))
    record(event=Event("identity.end_other_sign_ins", actor.agent(), [actor.hospital_id], detail={"count": ended}))
    return ended
