"""A day in a hospital, by patients: what happened, what the HIS said about it, and who lies where in the end.

Invariant: nothing here knows how the service works. It moves patients between beds as a ward does, with the mistakes that a ward makes and
takes back; the truth is where the patients are.
"""

import random
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class Said(NamedTuple):
    """A message: the event, its time, PV1-3 and PV1-6 (or NPU-1 and the status), and for a cancel the time of what it cancels."""

    event: str
    at: datetime
    bed: str
    former: str = ""
    status: str = ""
    of: datetime | None = None


class Stay(NamedTuple):
    """What a patient's last step was, and what it replaced: enough to take it back."""

    event: str
    at: datetime
    bed: str
    status_before: str
    former: str = ""


class Day:
    def __init__(self, seed: int, beds: list[str], steps: int) -> None:
        self.random, self.beds = random.Random(seed), beds
        self.status = dict.fromkeys(beds, "U")
        self.lies: dict[int, Stay] = {}  # patient -> the last step, and with it the bed
        self.gone: dict[int, Stay] = {}  # discharged, the bed not given to anybody since
        self.said: list[Said] = []
        self.now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=23)
        self._patients = 0
        step_of = {self.admit: 30, self.transfer: 18, self.discharge: 22, self.undo: 14, self.clean: 14, self.update: 6, self.mistake: 5}
        while len(self.said) < steps:
            self.random.choices(list(step_of), list(step_of.values()))[0]()

    def occupied(self) -> set[str]:
        return {stay.bed for stay in self.lies.values()}

    def _say(self, event: str, bed: str, former: str = "", *, status: str = "", of: datetime | None = None) -> datetime:
        self.now += timedelta(seconds=self.random.randint(1, 20))
        self.said.append(Said(event, self.now, bed, former, status, of))
        return self.now

    def _free(self) -> str | None:
        free = [bed for bed in self.beds if self.status[bed] in "UH"]
        return self.random.choice(free) if free else None

    def _patient(self) -> int | None:
        return self.random.choice(list(self.lies)) if self.lies else None

    def _taken(self, bed: str) -> None:
        self.gone = {patient: stay for patient, stay in self.gone.items() if stay.bed != bed}

    def admit(self) -> None:
        if bed := self._free():
            self._taken(bed)
            self._patients += 1
            self.lies[self._patients] = Stay("A01", self._say("A01", bed), bed, self.status[bed])
            self.status[bed] = "O"

    def transfer(self) -> None:
        if (patient := self._patient()) and (bed := self._free()):
            self._taken(bed)
            former = self.lies[patient].bed
            self.lies[patient] = Stay("A02", self._say("A02", bed, former), bed, self.status[bed], former)
            self.status[bed], self.status[former] = "O", "U"

    def discharge(self) -> None:
        if patient := self._patient():
            bed = self.lies.pop(patient).bed
            self.gone[patient] = Stay("A03", self._say("A03", bed), bed, "O")
            self.status[bed] = "H"

    def undo(self) -> None:
        """Of somebody's last step; not when somebody else has the bed meanwhile."""
        self.random.choice([self._undo_coming, self._undo_discharge])()

    def _of(self, stay: Stay) -> datetime | None:
        return stay.at if self.random.random() < 0.5 else None

    def _undo_coming(self) -> None:
        if (patient := self._patient()) is None:
            return
        stay = self.lies[patient]
        if stay.event == "A01":
            del self.lies[patient]
            self._say("A11", stay.bed, of=self._of(stay))
        elif stay.event == "A02" and self.status[stay.former] == "U":
            self._taken(stay.former)
            self._say("A12", stay.former, stay.bed, of=self._of(stay))
            self.lies[patient] = Stay("A12", self.now, stay.former, "")
            self.status[stay.former] = "O"
        else:
            return
        self.status[stay.bed] = stay.status_before

    def _undo_discharge(self) -> None:
        if self.gone:
            patient = self.random.choice(list(self.gone))
            stay = self.gone.pop(patient)
            if self.status[stay.bed] in "UH":
                self.lies[patient] = Stay("A13", self._say("A13", stay.bed, of=self._of(stay)), stay.bed, "")
                self.status[stay.bed] = "O"

    def clean(self) -> None:
        empty = [bed for bed in self.beds if self.status[bed] != "O"]
        if empty:
            bed = self.random.choice(empty)
            status = "U" if self.status[bed] != "U" else self.random.choice("CK")
            self._say("A20", bed, status=status)
            self.status[bed] = status

    def update(self) -> None:
        if patient := self._patient():
            self._say("A08", self.lies[patient].bed)

    def mistake(self) -> None:
        """Somebody is admitted to a bed where somebody lies, and it is taken back."""
        if patient := self._patient():
            bed = self.lies[patient].bed
            at = self._say("A01", bed)
            self._say("A11", bed, of=at if self.random.random() < 0.5 else None)
