"""Calling a duty role to a request, and knowing whether the call arrived.

Invariant: every alarm is a row before anybody is called, and has one outcome, decided by a conditional UPDATE. One that cannot be delivered
alarms the sender and lets the next step of the chain begin at once; which alarm comes when is ``beds.escalation``, pure. Roles that are
alarmed read the conversation from then on, not before.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from backend.clock import database_now
from beds.escalation import Failure, How, Seen, Whom, follows_at_once, outcome, step_at, steps_for
from beds.models import Alarm, Candidate, Request, Urgency
from beds.services.escalation import steps_of, wait_before
from beds.services.stepping import write_history
from beds.services.telling import THE_CLOCK, people_asking, people_concerned, record_step, ring
from beds.transitions import State
from identity.access import eligible_people, people_behind
from identity.actors import Actor
from identity.models import RoleSeal
from messaging.services import admit, owe_push

# Open alarms of candidates that still wait, with what is known of their arrival.
_OPEN = """
    SELECT a.id, c.id, c.request_id, a.raised_at, count(p.person_id) > 0, count(s.id) > 0, max(s.taken_at)
    FROM beds_candidate c JOIN beds_alarm a ON a.candidate_id = c.id AND a.reached_at IS NULL AND a.failed_at IS NULL
    LEFT JOIN LATERAL (
        SELECT person_id FROM identity_holder WHERE role_id = a.role_id
        UNION SELECT person_id FROM identity_roleseal WHERE role_id = a.role_id AND ended_at IS NULL AND a.whom = 'eligible'
    ) p ON true
    LEFT JOIN identity_device d ON d.person_id = p.person_id AND d.revoked_at IS NULL
    LEFT JOIN messaging_pushsubscription s ON s.device_id = d.id AND s.ended_at IS NULL
    WHERE c.state = 'submitted'
    GROUP BY a.id, c.id ORDER BY a.raised_at, a.id
"""


class Watched(NamedTuple):
    alarm: int
    candidate: UUID
    request: UUID
    raised_at: datetime
    seen: Seen


def begin(candidates: Iterable[Candidate], now: datetime) -> None:
    """The asking itself is the first call, and watched like every other."""
    Alarm.objects.bulk_create(
        Alarm(candidate=one, position=0, role_id=one.role_id, whom=Whom.HOLDER.value, how=How.PUSH.value, raised_at=now)
        for one in candidates
    )


def raise_next(request: Request, candidate: Candidate, now: datetime) -> None:
    """One more alarm, and a new wait from now; the sender sees both. Under the request's lock.

    The version stays: an acknowledgement on its way still counts.
    """
    rows, position = steps_of([candidate.role_id])[candidate.role_id], candidate.escalation + 1
    step = step_at(steps_for(rows, request.urgency), position, within=0)  # its wait is over
    candidate.escalation = position
    candidate.acknowledge_by = now + wait_before(position + 1, rows, candidate.hospital, request.urgency)
    candidate.save(update_fields=["escalation", "acknowledge_by"])
    alarm = Alarm.objects.create(
        candidate=candidate, position=position, role_id=step.target or candidate.role_id, whom=step.whom, how=step.how, raised_at=now
    )
    write_history(candidate, "escalate", by=THE_CLOCK, source=candidate.state, now=now)
    _record(request, candidate, alarm, "escalate")
    people = _call(request, candidate, alarm)
    if not people:
        fail(request, candidate, alarm, Failure.NOBODY_ON_DUTY, now)


def _call(request: Request, candidate: Candidate, alarm: Alarm) -> set[UUID]:
    """Let the role in, ring it and wake its phones; the people behind it."""
    if alarm.role_id != candidate.role_id and candidate.conversation_id:
        admit(conversation_id=candidate.conversation_id, principals=[alarm.role_id], agent=THE_CLOCK.agent)
    people = set(people_behind([alarm.role_id])[alarm.role_id])
    if alarm.whom == Whom.ELIGIBLE:
        people |= set(eligible_people(alarm.role_id))
    ring(request, people)
    owe_push(people, is_urgent=alarm.how == How.ALARM or request.urgency != Urgency.ROUTINE)
    return people


def fail(request: Request, candidate: Candidate, alarm: Alarm, failure: Failure, now: datetime) -> bool:
    """The alarm did not arrive: the sender hears of it now, and the chain goes on now. False: it has its outcome already."""
    if not _undecided(alarm.pk).update(failed_at=now, failure=failure.value):
        return False
    write_history(candidate, "alarm-failed", by=THE_CLOCK, source=candidate.state, now=now)
    _record(request, candidate, alarm, "alarm-failed", failure=failure.value)
    ring(request, people_concerned(request, [candidate]))
    owe_push(people_asking(request), is_urgent=True)
    steps = steps_for(steps_of([candidate.role_id])[candidate.role_id], request.urgency)
    if alarm.position == candidate.escalation and follows_at_once(steps, alarm.position + 1):
        raise_next(request, candidate, now)
    return True


def watch(under_lock: Callable[[UUID, UUID, Callable[[Request, UUID], bool]], bool]) -> int:
    """Decide what can be decided about open alarms; how many were. ``under_lock`` runs a step while nobody else moves the request."""
    now, done = database_now(), 0
    for one in _open_alarms():
        found = outcome(one.seen, raised_at=one.raised_at, now=now)
        if found is not None:
            done += under_lock(one.request, one.candidate, partial(_decide, alarm_id=one.alarm, found=found))
    return done


def _open_alarms() -> list[Watched]:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        rows = cursor.fetchall()
    return [Watched(alarm, candidate, request, at, Seen(*seen)) for alarm, candidate, request, at, *seen in rows]


def _decide(request: Request, candidate_id: UUID, *, alarm_id: int, found: Failure | datetime) -> bool:
    candidate = request.candidates.select_related("hospital").filter(pk=candidate_id, state=State.SUBMITTED).first()
    if candidate is None:
        return False
    if isinstance(found, Failure):
        return fail(request, candidate, Alarm.objects.get(pk=alarm_id), found, database_now())
    if not _reached(request, alarm_id, found):
        return False
    _record(request, candidate, Alarm.objects.get(pk=alarm_id), "alarm-reached")
    return True


def _reached(request: Request, alarm_id: int, at: datetime) -> bool:
    if not _undecided(alarm_id).update(reached_at=at):
        return False
    ring(request, people_asking(request))
    return True


def _undecided(alarm_id: int) -> QuerySet[Alarm]:
    return Alarm.objects.filter(pk=alarm_id, reached_at=None, failed_at=None)


def note_fetched(actor: Actor, requests: Iterable[Request]) -> None:
    """Who was called has the request before them now. No query unless one of these has an open alarm at the actor's hospital."""
    waiting = [
        (request, alarm)
        for request in requests
        for candidate in request.candidates.all()
        if candidate.hospital_id == actor.hospital_id
        for alarm in candidate.calls
        if alarm.reached_at is None and alarm.failed_at is None
    ]
    if not waiting:
        return
    seals = RoleSeal.objects.filter(person=actor.person_id, ended_at=None).values("role")
    called = Q(role__in=actor.roles) | Q(whom=Whom.ELIGIBLE.value, role__in=seals)
    mine = set(Alarm.objects.filter(called, pk__in=[alarm.pk for _, alarm in waiting]).values_list("pk", flat=True))
    for request, alarm in sorted(waiting, key=lambda pair: pair[1].pk):
        if alarm.pk in mine and _reached(request, alarm.pk, now := database_now()):
            alarm.reached_at = now  # the answer on its way says so already


def _record(request: Request, candidate: Candidate, alarm: Alarm, verb: str, **more: str) -> None:
    codes: dict[str, str | int] = {"position": alarm.position, "whom": alarm.whom, "how": alarm.how, **more}
    record_step(by=THE_CLOCK, verb=verb, request=request, candidate=candidate, called=alarm.role_id, more=codes)
