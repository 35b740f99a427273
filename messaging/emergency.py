"""Break-glass: an eligible physician who is off duty opens one conversation of a duty role, with a reason and for a short time.

Invariant: it is in force while its columns say so (``EmergencyInForce``), whether or not anybody noted its end; everybody who belongs to
the conversation is told in the transaction that begins it, and everything done under it names it in the logs of all their hospitals. It
gives no duty: what the holder of the role alone may do stays theirs.
"""

from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.events import CLOCK, Agent, Event
from audit.services import record
from backend.errors import Conflict, Forbidden
from backend.realtime import ring_after_commit
from identity.access import eligible_role, people_behind, registrars_of
from identity.actors import Actor
from identity.models import Hospital
from messaging import access
from messaging.commands import read_circle
from messaging.models import EmergencyAccess, EmergencyInForce, Member
from messaging.pushes import owe_push

PHYSICIAN: Final = "physician"  # as in profiles (protocol 4)
BREAK_GLASS: Final = "BTG"  # v3-ActReason
End = EmergencyAccess.EndReason


@transaction.atomic
def begin(*, actor: Actor, conversation_id: UUID, role_id: UUID, reason: str) -> EmergencyAccess:
    """Open the conversation to the actor for as long as the hospital allows.

    Raises:
        NotFound: not a role the actor is eligible for, or not a conversation of it. Forbidden: ``actor.not_human``,
            ``emergency.physicians_only``. Conflict: ``emergency.not_needed`` (readable anyway), ``emergency.active {ends_at}``.
    """
    actor.require_human()
    role = eligible_role(actor, role_id)
    conversation = access.conversation_of_role(role.pk, conversation_id)
    if actor.profession != PHYSICIAN:
        raise Forbidden("emergency.physicians_only", "Emergency access is for physicians.")
    if access.belongs_to(actor, conversation.pk):
        raise Conflict("emergency.not_needed", "You can read this conversation already.")
    _note(EmergencyAccess.objects.filter(person=actor.person_id))
    now, lasts = timezone.now(), Hospital.objects.values_list("emergency_lasts", flat=True).get(pk=actor.hospital_id)
    who = {"person_id": actor.person_id, "device_id": actor.device_id}
    what = {"conversation": conversation, "role": role, "reason": reason, "started_at": now, "ends_at": now + lasts}
    try:
        with transaction.atomic():
            made = EmergencyAccess.objects.create(**who, **what)
    except IntegrityError as error:
        active = EmergencyAccess.objects.filter(person=actor.person_id, ended_at=None).first()
        raise Conflict("emergency.active", "End the one that runs first.", ends_at=active and active.ends_at) from error
    _say("messaging.break_glass", made, actor.agent(), reason=reason, minutes=int(lasts.total_seconds()) // 60, purpose=BREAK_GLASS)
    _push(made)
    return made


@transaction.atomic
def end(*, actor: Actor, emergency_id: UUID) -> EmergencyAccess:
    """Before its time: by who took it, by who holds the role now, or by a registrar of the hospital. Again: the same answer.

    Raises:
        NotFound: there is none, or it is not the actor's to end.
    """
    found = access.emergency_to_end(actor, emergency_id)
    if found.ended_at is None:
        is_over = found.ends_at <= timezone.now()
        _close(found, End.TIME, CLOCK) if is_over else _close(found, End.BY_HAND, actor.agent(), by=actor.person_id)
    return found


def end_with_member(person_id: UUID, agent: Agent) -> None:
    """In the transaction in which somebody leaves."""
    for found in EmergencyAccess.objects.select_for_update().filter(person=person_id, ended_at=None):
        _close(found, End.LEFT, agent)


@transaction.atomic
def note_ended() -> None:
    """Write down, with an event each, what ended by its time or with what it stood on. No right depends on it."""
    _note(EmergencyAccess.objects.all())


def _note(accesses: "QuerySet[EmergencyAccess]") -> None:
    over = accesses.filter(ended_at=None).exclude(pk__in=EmergencyInForce.objects.values("pk"))
    for found in over.select_for_update():
        _close(found, End.TIME if found.ends_at <= timezone.now() else End.LAPSED, CLOCK)


def _close(found: EmergencyAccess, reason: End, agent: Agent, *, by: UUID | None = None) -> None:
    found.ended_at = min(found.ends_at, max(found.started_at, timezone.now()))
    found.end_reason, found.ended_by_id = reason, by
    found.save(update_fields=["ended_at", "end_reason", "ended_by"])
    _say("messaging.end_break_glass", found, agent, ended=reason.value, purpose=BREAK_GLASS)


def _say(action: str, of: EmergencyAccess, agent: Agent, **detail: str | int) -> None:
    """To the logs of all hospitals of the conversation, and to the sockets of everybody whom it concerns."""
    circle = read_circle(of.conversation_id)
    subjects = {"emergency": of.pk, "conversation": of.conversation_id, "role": of.role_id}
    record(event=Event(action, agent, circle.hospitals, subjects=subjects, detail=detail, recipients=circle.recipients))
    ring_after_commit({*_concerned(of), of.person_id}, {"t": "emergency", "conversation": of.conversation_id})


def _push(made: EmergencyAccess) -> None:
    """Who holds the role at once, also in quiet hours; the others when it suits."""
    holders = set(people_behind([made.role_id])[made.role_id])
    owe_push(holders, is_urgent=True)
    owe_push(_concerned(made) - holders - {made.person_id}, is_urgent=False)


def _concerned(of: EmergencyAccess) -> set[UUID]:
    """Who belongs to the conversation, at both ends, and the registrars of the hospital whose duty it is."""
    members = Member.objects.filter(conversation=of.conversation_id, removed_at=None).values_list("principal", flat=True)
    people = {one for found in people_behind(members).values() for one in found}
    return people | set(registrars_of(of.role.hospital_id))
