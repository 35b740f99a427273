"""Who comes into a conversation after its beginning.

Invariant: an awaited principal can open what is sealed and is given none of it: everything that reads, rings, pushes or logs asks for
members, and an awaited one becomes a member here alone. It happens once, however often and by however many it is asked for, and whoever
comes in finds the admission in the log of the own hospital.
"""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from audit.events import Agent, Event
from audit.services import record
from backend.errors import NotFound
from backend.realtime import ring_after_commit
from identity.access import people_behind
from identity.models import PrincipalKey
from identity.services import current_keys
from messaging.commands import read_circle
from messaging.models import AwaitedMember, Conversation, Member


@transaction.atomic
def admit(*, conversation_id: UUID, principals: Collection[UUID], agent: Agent) -> bool:
    """Let ``principals`` in: those awaited, and others, who can read only what is sealed after the next epoch. With the first principal of
    a hospital comes its archive. ``False`` when all of them belonged before.

    Raises:
        NotFound: ``conversation.unknown_member``: somebody neither awaited nor with a current key.
    """
    # Who seals the next epoch holds this row: either it counts those admitted here, or it comes first.
    Conversation.objects.select_for_update().get(pk=conversation_id)
    members = Member.objects.filter(conversation=conversation_id, removed_at=None)
    coming = set(principals) - set(members.filter(principal__in=principals).values_list("principal", flat=True))
    if not coming:
        return False
    rows = _arrivals(conversation_id, coming, set(members.values_list("hospital", flat=True)))
    Member.objects.bulk_create(rows)
    AwaitedMember.objects.filter(conversation=conversation_id, principal__in=[row.principal for row in rows]).delete()
    circle, subjects = read_circle(conversation_id), {"conversation": conversation_id}
    detail: dict[str, str | int | list[str]] = {"members": len(rows)}
    record(event=Event("messaging.admit", agent, circle.hospitals, subjects=subjects, detail=detail, recipients=circle.recipients))
    people = people_behind(members.values_list("principal", flat=True))
    ring_after_commit({one for found in people.values() for one in found}, {"t": "conversation", "conversation": conversation_id})
    return True


def _arrivals(conversation_id: UUID, coming: set[UUID], hospitals: set[UUID]) -> list[Member]:
    """``coming`` as members, with the archives of hospitals of which nobody was one; the kind and hospital of an awaited one stand as they
    were when it was sealed to, also if its role has been closed since.
    """
    awaited = {row.principal: row for row in AwaitedMember.objects.filter(conversation=conversation_id)}
    keys = current_keys(coming - awaited.keys())
    if len(keys) < len(coming - awaited.keys()):
        raise NotFound("conversation.unknown_member", "Somebody of these has no key to be written to with.")
    found: dict[UUID, AwaitedMember | PrincipalKey] = {**keys, **{one: awaited[one] for one in coming & awaited.keys()}}
    new = {row.hospital_id for row in found.values()} - hospitals
    archives = PrincipalKey.objects.filter(kind=PrincipalKey.Kind.ARCHIVE, hospital__in=new, replaced_at=None)
    found |= {key.principal: key for key in archives} | {
        one: row for one, row in awaited.items() if row.kind == PrincipalKey.Kind.ARCHIVE and row.hospital_id in new
    }
    return [
        Member(conversation_id=conversation_id, principal=one, kind=row.kind, hospital_id=row.hospital_id) for one, row in found.items()
    ]
