"""What a bed request does, in plain values: the table and the guarantees of docs/life-of-a-bed-request.md, written down a second time.

Invariant: nothing of ``beds`` is imported here, so a mistake there is not repeated here. A model is copied and run in every order of steps
that raced; the service must have done one of them.
"""

from copy import deepcopy
from dataclasses import dataclass, field

# action: (from, who, to)
TABLE = {
    "submit": ({"draft"}, "origin", "submitted"),
    "acknowledge": ({"submitted"}, "destination", "acknowledged"),
    "request-info": ({"acknowledged"}, "destination", "info-requested"),
    "answer-info": ({"info-requested"}, "origin", "acknowledged"),
    "hold": ({"acknowledged"}, "destination", "held"),
    "decline": ({"submitted", "acknowledged", "info-requested"}, "destination", "declined"),
    "confirm": ({"held"}, "origin", "confirmed"),
    "withdraw": ({"submitted", "acknowledged", "info-requested", "held", "confirmed", "transport-arranged"}, "origin", "withdrawn"),
    "cancel": ({"draft", "submitted", "acknowledged", "info-requested", "held", "confirmed", "transport-arranged"}, "origin", "cancelled"),
    "arrange-transport": ({"confirmed"}, "origin", "transport-arranged"),
    "depart": ({"transport-arranged"}, "origin", "in-transit"),
    "arrive": ({"in-transit"}, "destination", "arrived"),
    "divert": ({"in-transit"}, "origin", "diverted"),
}
ACTIONS = sorted(TABLE)
ENDED = {"arrived", "declined", "cancelled", "no-response", "expired", "withdrawn", "diverted"}
ENGAGED = {"acknowledged", "info-requested", "held"}
COMMITTED = {"confirmed", "transport-arranged", "in-transit", "arrived"}
PROMISED = {"held", "confirmed", "transport-arranged", "in-transit"}
ALARMS = 5


@dataclass
class Figure:
    """Of a unit whose beds are counted; with ``beds`` (label: is it free) of one whose beds are tracked singly."""

    staffed: int
    occupied: int
    blocked: int
    version: int = 1
    beds: dict[str, bool] = field(default_factory=dict)

    def free(self) -> int:
        return sum(self.beds.values()) if self.beds else self.staffed - self.occupied - self.blocked


@dataclass
class Candidate:
    hospital: str
    wave: int
    state: str
    version: int = 1
    history: list[str] = field(default_factory=list)
    alarms: int = 0
    is_overdue: bool = False
    has_run_out: bool = False  # the hold's time is over, whether or not a clock noticed
    bed: str | None = None

    def was_asked(self) -> bool:
        return self.wave == 1 or not {"ask-next", "submit"}.isdisjoint(self.history)

    def is_promised(self) -> bool:
        return self.state in PROMISED and not self.has_run_out


@dataclass
class Request:
    candidates: dict[str, Candidate]
    is_late: bool = False  # the wait for the next wave is over


@dataclass
class Refused(Exception):
    """``state``: the candidate's, as the refusal must name it; ``None``: the refusal is not about a state."""

    status: int
    state: str | None = None


class Model:
    def __init__(self, figures: dict[str, Figure]) -> None:
        self.requests: list[Request] = []
        self.figures = figures

    def copy(self) -> "Model":
        return deepcopy(self)

    def ask(self, hospitals: dict[str, int]) -> None:
        """``hospitals``: the wave of each."""
        asked = {name: Candidate(name, wave, "submitted" if wave == 1 else "draft") for name, wave in hospitals.items()}
        self.requests.append(Request(asked))

    def legal(self, number: int, hospital: str) -> list[str]:
        state = self.requests[number].candidates[hospital].state
        return [action for action in ACTIONS if state in TABLE[action][0]]

    def step(self, number: int, hospital: str, action: str, *, bed: str | None = None) -> None:
        """By who may. Raises ``Refused`` and has changed nothing."""
        request = self.requests[number]
        candidate = request.candidates[hospital]
        if TABLE[action][1] == "destination" and not candidate.was_asked():
            raise Refused(404)
        others = [other for other in request.candidates.values() if other is not candidate]
        if action == "confirm" and any(one.state in COMMITTED for one in request.candidates.values()):
            raise Refused(409, candidate.state)
        if candidate.state not in TABLE[action][0]:
            raise Refused(409, candidate.state)
        match action:
            case "submit":
                for one in request.candidates.values():
                    if one.state == "draft" and one.wave == candidate.wave:
                        self._move(one, "submit", "submitted")
                request.is_late = False
                return
            case "hold":
                candidate.bed = self._bed_for(hospital, bed)
                candidate.has_run_out = False
            case "confirm":
                if candidate.has_run_out:
                    raise Refused(409, "held")
                for other in others:
                    if other.state == "draft":
                        self._move(other, "cancel", "cancelled")
                    elif other.state not in ENDED:
                        self._move(other, "withdraw", "withdrawn")
            case "arrive":
                self._occupy(candidate)
        self._move(candidate, action, TABLE[action][2])
        self._advance(request)

    def cancel(self, number: int) -> None:
        request = self.requests[number]
        running = [one for one in request.candidates.values() if one.state not in ENDED]
        if not running:
            raise Refused(409)
        if found := [one for one in running if one.state not in TABLE["cancel"][0]]:
            raise Refused(409, found[0].state)
        for one in running:
            self._move(one, "cancel", "cancelled")

    def report(self, hospital: str, version: int, staffed: int) -> None:
        figure = self.figures[hospital]
        if version != figure.version:
            raise Refused(412)
        if figure.occupied + figure.blocked + self.promised(hospital) > staffed:
            raise Refused(400)
        figure.staffed, figure.version = staffed, version + 1

    def sweep(self, but: frozenset[int] = frozenset()) -> None:
        for number, request in enumerate(self.requests):
            if number not in but:
                for candidate in request.candidates.values():
                    self._tick(candidate)
                self._advance(request)

    def _tick(self, candidate: Candidate) -> None:
        if candidate.state == "held" and candidate.has_run_out:
            self._move(candidate, "expire", "expired")
        if candidate.state == "submitted" and candidate.is_overdue:
            candidate.is_overdue = False
            if candidate.alarms == ALARMS:
                self._move(candidate, "give-up", "no-response")
            else:
                candidate.alarms += 1
                candidate.history.append("escalate")

    def _advance(self, request: Request) -> None:
        drafts = [one for one in request.candidates.values() if one.state == "draft"]
        asked = {one.state for one in request.candidates.values()} - {"draft"}
        if drafts and not asked & (ENGAGED | COMMITTED) and (request.is_late or asked <= ENDED):
            first = min(one.wave for one in drafts)
            for one in drafts:
                if one.wave == first:
                    self._move(one, "ask-next", "submitted")
            request.is_late = False

    def _move(self, candidate: Candidate, action: str, state: str) -> None:
        candidate.state, candidate.version = state, candidate.version + 1
        candidate.history.append(action)

    def promised(self, hospital: str) -> int:
        return sum(one.is_promised() for request in self.requests for name, one in request.candidates.items() if name == hospital)

    def _bed_for(self, hospital: str, named: str | None) -> str | None:
        """Raises ``Refused`` when there is none."""
        figure = self.figures[hospital]
        taken = {one.bed for request in self.requests for name, one in request.candidates.items() if name == hospital and one.is_promised()}
        if self.promised(hospital) >= figure.free():
            raise Refused(409)
        left = [label for label, is_free in sorted(figure.beds.items()) if is_free and label not in taken]
        if named is not None and named not in left:
            raise Refused(409)
        return named or (left[0] if left else None)

    def _occupy(self, candidate: Candidate) -> None:
        figure = self.figures[candidate.hospital]
        figure.version += 1
        if figure.beds:
            figure.beds[str(candidate.bed)] = False
        elif figure.free() > 0:
            figure.occupied += 1

    def shown(self) -> dict[str, object]:
        """Everything there is, for comparing with what the tables say."""
        candidates = [
            {name: (one.state, one.version, one.history, int(one.is_promised()), one.alarms) for name, one in request.candidates.items()}
            for request in self.requests
        ]
        closed = [all(one.state in ENDED for one in request.candidates.values()) for request in self.requests]
        figures = {name: (self.promised(name), figure.free(), figure.version) for name, figure in self.figures.items()}
        return {"candidates": candidates, "closed": closed, "figures": figures}
