"""How whoever becomes eligible later comes to read the open cases of before.

Invariant: a registrar who is not eligible does not have the former seed, so the new generation comes without it; whoever was eligible
before and still is hands it on, under the new seed. The server can open none of it and keeps it for the eligible alone.
"""

from uuid import UUID

from django.db import transaction

from audit.events import Event
from audit.services import record
from backend.errors import Invalid, NotFound
from backend.realtime import ring_after_commit
from identity import access
from identity.actors import Actor
from identity.models import PrincipalKey, RoleSeal


@transaction.atomic
def read_seals(*, actor: Actor, role_id: UUID) -> list[RoleSeal]:
    """The actor's own seals of a role's former generations, newest first; audited.

    Raises:
        NotFound: not a role the actor is eligible for now, whatever was before.
    """
    role = access.eligible_role(actor, role_id)
    present = RoleSeal.objects.filter(role=role, person=actor.person_id, ended_at=None).values("generation")
    former = RoleSeal.objects.filter(role=role, person=actor.person_id).exclude(generation__in=present).order_by("-generation")
    found = list(former)
    record(event=Event("identity.read_role_seals", actor.agent(), [actor.hospital_id], subjects={"role": role.id}))
    return found


@transaction.atomic
def add_history(*, actor: Actor, role_id: UUID, generation: int, history: bytes) -> None:
    """Keep the seed of ``generation - 1`` under that of ``generation``. One that does not open may be replaced; the log has who did.

    Raises:
        NotFound: not a role the actor is eligible for now, or no such generation.
        Invalid: ``role.no_former_seal``: the actor was never given the seed of ``generation - 1``.
    """
    actor.require_human()
    role = access.eligible_role(actor, role_id)
    key = PrincipalKey.objects.select_for_update().filter(principal=role.id, generation=generation, generation__gt=1).first()
    if key is None:
        raise NotFound()
    if not RoleSeal.objects.filter(role=role, generation=generation - 1, person=actor.person_id).exists():
        raise Invalid("role.no_former_seal", "Only who was eligible for the former generation has its seed.")
    if bytes(key.history or b"") == history:
        return  # several devices hand it on at the same moment, and the sealing is deterministic
    PrincipalKey.objects.filter(pk=key.pk).update(history=history)
    record(
        event=Event(
            "identity.add_role_history",
            actor.agent(),
            [actor.hospital_id],
            subjects={"role": role.id},
            detail={"generation": generation},
        )
    )
    ring_after_commit(access.eligible_people(role.id), {"t": "duty"})
