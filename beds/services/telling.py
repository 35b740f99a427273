"""Who hears of a change: the audit log in the transaction, people's sockets after it.

Invariant: an event about a candidate goes into the logs of its two hospitals and of no other: what one hospital may read in its own log
never shows that others were asked, and one that is not asked yet finds nothing. A ring says only which request or which hospital's board
changed. The event names the duty role that is asked, so that the log alone says whose promise it was.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from audit.events import CLOCK, Agent, Event
from audit.services import record, record_all
from backend.realtime import ring_after_commit, ring_watching_after_commit
from beds.access import hospitals_on_board
from beds.models import Alarm, Candidate, Request, Urgency
from identity.access import people_behind
from identity.actors import Actor
from messaging.services import owe_push


class Mover(NamedTuple):
    """Who moves a candidate: a person, in a role or not, a hospital's software by its name, or the clock."""

    agent: Agent
    person: UUID | None = None
    role: UUID | None = None
    software: str = ""


THE_CLOCK = Mover(CLOCK)


def mover(actor: Actor, role: UUID | None) -> Mover:
    return Mover(actor.agent(role), actor.person_id, role)


def record_step(
    *,
    by: Mover,
    verb: str,
    request: Request,
    candidate: Candidate,
    reason: str = "",
    source: str = "",
    digest: bytes | None = None,
    called: UUID | None = None,
    more: Mapping[str, str | int] | None = None,
) -> None:
    """``called``: the duty role an alarm was for; ``more``: codes and numbers of this step alone."""
    detail: dict[str, str | int | list[str]] = dict(more or {})
    detail |= {"from": source} if source else {}
    detail |= {"reason": reason} if reason else {}
    record(event=_event(by, verb, request, candidate, detail, called=called, digest=digest))


def record_request(*, by: Mover, request: Request, candidates: Iterable[Candidate]) -> None:
    """The asking: an event for each candidate, in one statement."""
    record_all(_event(by, "request", request, candidate, {}) for candidate in candidates)


def _event(
    by: Mover,
    verb: str,
    request: Request,
    candidate: Candidate,
    detail: dict[str, str | int | list[str]],
    *,
    called: UUID | None = None,
    digest: bytes | None = None,
) -> Event:
    return Event(
        action="beds." + verb.replace("-", "_"),
        agent=by.agent,
        hospitals=[request.origin_id, *([candidate.hospital_id] if candidate.asked_at else [])],
        subjects={"request": request.pk, "candidate": candidate.pk, "role": candidate.role_id} | ({"called": called} if called else {}),
        detail={"state": str(candidate.state), **detail},
        digest=digest,
    )


def people_concerned(request: Request, candidates: Iterable[Candidate]) -> set[UUID]:
    """Whoever asked, and whoever holds the request's and, of those asked, the candidates' duty roles now, and the roles alarmed since."""
    candidates = list(candidates)
    alarmed = Alarm.objects.filter(candidate__in=[candidate.pk for candidate in candidates]).values_list("role_id", flat=True)
    return _people(_senders(request) | {candidate.role_id for candidate in candidates if candidate.asked_at} | set(alarmed))


def people_asking(request: Request) -> set[UUID]:
    """The person who asked, and whoever holds the request's duty role now."""
    return _people(_senders(request))


def _senders(request: Request) -> set[UUID]:
    return {one for one in (request.requester_id, request.role_id) if one}


def _people(principals: set[UUID]) -> set[UUID]:
    return {person for people in people_behind(principals).values() for person in people}


def tell(request: Request, candidates: Iterable[Candidate], *, by: Mover) -> None:
    """Ring everybody concerned, and wake the phones of all but who did it."""
    people = people_concerned(request, candidates)
    ring(request, people)
    owe_push(people - {by.person}, is_urgent=request.urgency != Urgency.ROUTINE)


def ring(request: Request, people: Iterable[UUID]) -> None:
    ring_after_commit(people, {"t": "request", "request": str(request.pk)})


def ring_board(hospital_id: UUID) -> None:
    """Ring whoever is looking at a board that shows this hospital; the sockets know who looks (docs/decisions/0004)."""
    boards = hospitals_on_board(hospital_id).values_list("pk", flat=True)
    ring_watching_after_commit(boards, {"t": "board", "hospital": str(hospital_id)})
