"""The workflow of beds as FHIR R4: a request is a ServiceRequest, each hospital asked a Task (docs/life-of-a-bed-request.md).

Invariant: ``STANDING`` is the one table between a candidate's state and a Task's status, read in both directions; a Task moves only along
``beds.transitions``. The patient is *masked* in every resource: there is nothing to show.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from beds.models import Candidate, Request
from beds.transitions import STEPS, TERMINAL, Side, State
from beds.vocabulary import AgeBand, Sex, TransportMode
from integration.resources import Resource, base, category_system

ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
TASK_CODE: Final = "http://hl7.org/fhir/CodeSystem/task-code"
# What FHIR has no element for, as an extension with a code.
EXTENSIONS: Final = {"age_band": AgeBand, "sex": Sex, "transport_mode": TransportMode}
ESCALATED: Final = "escalated-"


class Standing(NamedTuple):
    status: str
    business: str = ""


STANDING: Final = {
    State.DRAFT: Standing("draft"),
    State.SUBMITTED: Standing("requested", "awaiting-ack"),
    State.ACKNOWLEDGED: Standing("received", "under-review"),
    State.INFO_REQUESTED: Standing("received", "info-requested"),
    State.HELD: Standing("accepted", "bed-held"),
    State.CONFIRMED: Standing("accepted", "bed-confirmed"),
    State.TRANSPORT_ARRANGED: Standing("accepted", "transport-arranged"),
    State.IN_TRANSIT: Standing("in-progress", "in-transit"),
    State.ARRIVED: Standing("completed", "arrived"),
    State.DECLINED: Standing("rejected"),
    State.CANCELLED: Standing("cancelled"),
    State.NO_RESPONSE: Standing("failed", "no-response"),
    State.EXPIRED: Standing("failed", "expired"),
    State.WITHDRAWN: Standing("failed", "withdrawn"),
    State.DIVERTED: Standing("failed", "diverted"),
}
STATUSES: Final = tuple(dict.fromkeys(each.status for each in STANDING.values()))


def task(candidate: Candidate) -> Resource:
    """``request`` and ``hold`` are to be fetched with it."""
    request, standing = candidate.request, standing_of(candidate)
    found: Resource = {
        "resourceType": "Task",
        "id": str(candidate.pk),
        "meta": {"versionId": version_of(candidate), "lastUpdated": moment(candidate.changed_at)},
        "status": standing.status,
        "intent": "order",
        "priority": request.urgency,
        "code": _concept(TASK_CODE, "fulfill"),
        "focus": {"reference": f"ServiceRequest/{request.pk}"},
        "authoredOn": moment(candidate.asked_at or candidate.created_at),
        "lastModified": moment(candidate.changed_at),
        "requester": _asking(request),
        "owner": {"reference": f"PractitionerRole/{candidate.role_id}"},
    }
    if standing.business:
        found["businessStatus"] = _concept(business_system(), standing.business)
    if candidate.reason:
        found["statusReason"] = _concept(reason_system(), candidate.reason)
    if candidate.state == State.SUBMITTED and candidate.acknowledge_by:
        found["restriction"] = {"period": {"end": moment(candidate.acknowledge_by)}}
    if candidate.state == State.HELD:
        held = {"type": _concept(f"{base()}/CodeSystem/task-output", "held-until"), "valueDateTime": moment(candidate.hold.during.upper)}
        found["output"] = [held]
    return found


def standing_of(candidate: Candidate) -> Standing:
    standing = STANDING[State(candidate.state)]
    is_raised = candidate.state == State.SUBMITTED and candidate.escalation
    return Standing(standing.status, f"{ESCALATED}{candidate.escalation}") if is_raised else standing


def version_of(candidate: Candidate) -> str:
    """An alarm changes what is shown and leaves the step that is on its way valid: only what stands before the point has to match."""
    return f"{candidate.version}.{candidate.escalation}"


def service_request(request: Request) -> Resource:
    """``candidates`` are to be fetched with it: those that the reader may know of, which alone tell how far it is."""
    candidates = list(request.candidates.all())
    codes = {name: value for name in EXTENSIONS if (value := getattr(request, name))}
    found: Resource = {
        "resourceType": "ServiceRequest",
        "id": str(request.pk),
        "status": _status(State(one.state) for one in candidates),
        "intent": "order",
        "priority": request.urgency,
        "code": _concept(category_system(), request.category),
        "subject": {"extension": [{"url": ABSENT, "valueCode": "masked"}]},
        "authoredOn": moment(request.created_at),
        "requester": _asking(request),
        "performer": [{"reference": f"PractitionerRole/{one.role_id}"} for one in candidates],
    }
    if request.capabilities:
        found["orderDetail"] = [_concept(capability_system(), each) for each in sorted(request.capabilities)]
    if codes:
        found["extension"] = [{"url": extension(name), "valueCode": value} for name, value in codes.items()]
    return found


def _status(states: Iterable[State]) -> str:
    seen = set(states)
    if seen <= {State.DRAFT}:
        return "draft"
    if seen <= TERMINAL:
        return "completed" if State.ARRIVED in seen else "revoked"
    return "active"


def _asking(request: Request) -> Resource:
    """The duty role that stands for it; of a person who asked as themselves, the hospital: nobody's name leaves."""
    return {"reference": f"PractitionerRole/{request.role_id}" if request.role_id else f"Organization/{request.origin_id}"}


def said_of(business: str, state: str) -> str:
    """What a businessStatus asks for: nothing where it is as it was read, an alarm ago perhaps."""
    was_read = business == STANDING[State(state)].business or (state == State.SUBMITTED and business.startswith(ESCALATED))
    return "" if was_read else business


def action_to(state: str, *, sides: frozenset[Side], status: str, business: str) -> str | None:
    """The one step from ``state`` that leads to this status, and businessStatus where it is said; ``None``: there is none, or two."""
    steps = {name: STANDING[step.target] for name, step in STEPS.items() if step.by in sides and state in step.sources}
    found = [name for name, target in steps.items() if target == Standing(status, business or target.business)]
    return found[0] if len(found) == 1 else None


def business_system() -> str:
    return f"{base()}/CodeSystem/task-business-status"


def reason_system() -> str:
    return f"{base()}/CodeSystem/task-reason"


def capability_system() -> str:
    return f"{base()}/CodeSystem/bed-capability"


def extension(name: str) -> str:
    return f"{base()}/StructureDefinition/{name.replace('_', '-')}"


def moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def states_with(statuses: Iterable[str]) -> list[State]:
    """Of Task.status."""
    wanted = set(statuses)
    return [state for state, standing in STANDING.items() if standing.status in wanted]


def states_in_business(codes: Iterable[str]) -> list[tuple[State, int | None]]:
    """Of Task.businessStatus, each with the number of alarms it means; ``None``: any."""
    wanted = set(codes)
    found: list[tuple[State, Any]] = [
        (state, 0 if state == State.SUBMITTED else None) for state, standing in STANDING.items() if standing.business in wanted
    ]
    raised = [code.removeprefix(ESCALATED) for code in wanted if code.startswith(ESCALATED)]
    return found + [
        (State.SUBMITTED, int(number)) for number in raised if number.isascii() and number.isdigit() and len(number) < 4 and int(number)
    ]
