"""The life of a bed request at one candidate hospital (docs/life-of-a-bed-request.md).

Invariant: a state changes only along this table. It imports nothing of Django, so the documentation, the FHIR mapping and the property
tests read the same rows as the service.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import NamedTuple


class State(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    ACKNOWLEDGED = "acknowledged"
    INFO_REQUESTED = "info-requested"
    HELD = "held"
    CONFIRMED = "confirmed"
    TRANSPORT_ARRANGED = "transport-arranged"
    IN_TRANSIT = "in-transit"
    ARRIVED = "arrived"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    NO_RESPONSE = "no-response"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    DIVERTED = "diverted"


class Side(StrEnum):
    ORIGIN = "origin"
    DESTINATION = "destination"
    CLOCK = "clock"


class Step(NamedTuple):
    """``by`` may take the action in one of ``sources``; the candidate is then in ``target``. ``reasons``: the codes it needs, or none."""

    sources: frozenset[State]
    by: Side
    target: State
    reasons: frozenset[str] = frozenset()


_S = State
# Asked, and may still become a promise.
OPEN = frozenset({_S.SUBMITTED, _S.ACKNOWLEDGED, _S.INFO_REQUESTED, _S.HELD})
# Somebody there is dealing with it: the hospitals of later waves are not asked meanwhile.
ENGAGED = OPEN - {_S.SUBMITTED}
# One per request, by a partial unique index.
COMMITTED = frozenset({_S.CONFIRMED, _S.TRANSPORT_ARRANGED, _S.IN_TRANSIT, _S.ARRIVED})
TERMINAL = frozenset({_S.ARRIVED, _S.DECLINED, _S.CANCELLED, _S.NO_RESPONSE, _S.EXPIRED, _S.WITHDRAWN, _S.DIVERTED})

DECLINE_REASONS = frozenset({"no-bed", "no-staff", "no-capability", "wrong-speciality", "diversion", "other"})
CANCEL_REASONS = frozenset({"superseded", "died", "improved", "other"})
WITHDRAW_REASONS = frozenset({"other-hospital-confirmed", "transport-impossible", "condition-changed", "other"})
DIVERT_REASONS = frozenset({"unstable", "destination-closed", "other"})
CANNOT_BE_ASKED = "cannot-be-asked"
PARTNERSHIP_ENDED = "partnership-ended"

STEPS: dict[str, Step] = {
    "submit": Step(frozenset({_S.DRAFT}), Side.ORIGIN, _S.SUBMITTED),
    "acknowledge": Step(frozenset({_S.SUBMITTED}), Side.DESTINATION, _S.ACKNOWLEDGED),
    "request-info": Step(frozenset({_S.ACKNOWLEDGED}), Side.DESTINATION, _S.INFO_REQUESTED),
    "answer-info": Step(frozenset({_S.INFO_REQUESTED}), Side.ORIGIN, _S.ACKNOWLEDGED),
    "hold": Step(frozenset({_S.ACKNOWLEDGED}), Side.DESTINATION, _S.HELD),
    "decline": Step(frozenset({_S.SUBMITTED, _S.ACKNOWLEDGED, _S.INFO_REQUESTED}), Side.DESTINATION, _S.DECLINED, DECLINE_REASONS),
    "confirm": Step(frozenset({_S.HELD}), Side.ORIGIN, _S.CONFIRMED),
    "withdraw": Step(OPEN | {_S.CONFIRMED, _S.TRANSPORT_ARRANGED}, Side.ORIGIN, _S.WITHDRAWN, WITHDRAW_REASONS),
    "cancel": Step(OPEN | {_S.DRAFT, _S.CONFIRMED, _S.TRANSPORT_ARRANGED}, Side.ORIGIN, _S.CANCELLED, CANCEL_REASONS),
    "arrange-transport": Step(frozenset({_S.CONFIRMED}), Side.ORIGIN, _S.TRANSPORT_ARRANGED),
    "depart": Step(frozenset({_S.TRANSPORT_ARRANGED}), Side.ORIGIN, _S.IN_TRANSIT),
    "arrive": Step(frozenset({_S.IN_TRANSIT}), Side.DESTINATION, _S.ARRIVED),
    "divert": Step(frozenset({_S.IN_TRANSIT}), Side.ORIGIN, _S.DIVERTED, DIVERT_REASONS),
    "expire": Step(frozenset({_S.HELD}), Side.CLOCK, _S.EXPIRED),
    "give-up": Step(frozenset({_S.SUBMITTED}), Side.CLOCK, _S.NO_RESPONSE),
    "ask-next": Step(frozenset({_S.DRAFT}), Side.CLOCK, _S.SUBMITTED),
    "drop": Step(frozenset({_S.DRAFT}), Side.CLOCK, _S.CANCELLED, frozenset({CANNOT_BE_ASKED})),
    "part": Step(OPEN | {_S.DRAFT}, Side.CLOCK, _S.CANCELLED, frozenset({PARTNERSHIP_ENDED})),
}

REASONS = frozenset().union(*(step.reasons for step in STEPS.values()))
# How the others end when one hospital is confirmed; in the same transaction.
OTHER_CONFIRMED = "other-hospital-confirmed"

# Seconds to acknowledge, unless the hospital set its own.
ACKNOWLEDGE_WITHIN = {"stat": 5 * 60, "asap": 15 * 60, "urgent": 60 * 60, "routine": 240 * 60}
# A request nobody acknowledged is raised this often before it ends as ``no-response``.
ESCALATIONS_AT_MOST = 5
HOLD_MINUTES = (15, 30, 60)
# Seconds between two waves of hospitals.
WAVE_INTERVAL_AT_LEAST, WAVE_INTERVAL_AT_MOST = 30, 24 * 60 * 60


@cache
def actions_for(state: State | str, sides: frozenset[Side]) -> tuple[str, ...]:
    """What any of ``sides`` may do with a candidate in ``state``, in the order of the table."""
    return tuple(name for name, step in STEPS.items() if step.by in sides and state in step.sources)


def is_next_wave_due(states: Iterable[State | str], *, is_late: bool) -> bool:
    """Whether the first of those not asked yet are to be asked now.

    ``states`` are those of all candidates. Nobody may be dealing with the request or have promised a bed; then it is time when the wait
    ``is_late``, or when every hospital that was asked has ended its part.
    """
    asked = {State(state) for state in states} - {State.DRAFT}
    return not asked & (ENGAGED | COMMITTED) and (is_late or asked <= TERMINAL)
