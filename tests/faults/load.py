"""Bed requests played by several people at once while parts of the service die; and what they must find in the end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from uuid import uuid4

from django.db import OperationalError, connections

from tests.beds.asking import Asked, Ward

PROMISED = ("acknowledge", "hold")
TRAVELLED = ("confirm", "arrange-transport", "depart")
WITHDRAWN = "withdraw"


@dataclass
class Journey:
    """A request, and each candidate's history as its people were told it is."""

    asked: Asked
    histories: dict[str, list[str]]

    def step(self, hospital: str, action: str) -> None:
        key = uuid4()
        while True:
            try:
                answer = self.asked.take(hospital, action, key=key)
                break
            except OperationalError:  # the cast looks up what it signs, and PostgreSQL is away for it, too
                connections.close_all()
                time.sleep(0.2)
        assert answer.status_code == 200, answer.json()
        self.histories[hospital].append(action)


def begin(ward: Ward, *hospitals: str, waves: tuple[int, ...] = ()) -> Journey:
    return Journey(ward.asks(*hospitals, waves=waves), {hospital: [] for hospital in hospitals})


def arrive(ward: Ward) -> Journey:
    journey = begin(ward, "uni")
    for action in ("acknowledge", "request-info", "answer-info", "hold", *TRAVELLED, "arrive"):
        journey.step("uni", action)
    return journey


def choose(ward: Ward) -> Journey:
    """Two offers, one confirmed: the others are withdrawn by that, then all is called off."""
    journey = begin(ward, "uni", "nord", "mitte")
    for hospital in ("nord", "mitte"):
        for action in PROMISED:
            journey.step(hospital, action)
    journey.step("nord", "confirm")
    for other in ("uni", "mitte"):
        journey.histories[other].append(WITHDRAWN)
    journey.step("nord", "cancel")
    return journey


def refuse(ward: Ward) -> Journey:
    journey = begin(ward, "mitte", "nord")
    journey.step("mitte", "decline")
    for action in (*PROMISED, "withdraw"):
        journey.step("nord", action)
    return journey


def ask_the_next(ward: Ward) -> Journey:
    """The first declines, which asks the next in the same transaction."""
    journey = begin(ward, "mitte", "uni", waves=(1, 2))
    journey.step("mitte", "decline")
    journey.histories["uni"].append("ask-next")
    journey.step("uni", "acknowledge")
    journey.step("uni", "decline")
    return journey


class Load:
    """``journeys`` holds what was played to its end; ``reports`` how often a figure was reported."""

    def __init__(self, ward: Ward) -> None:
        self.ward = ward
        self.journeys: list[Journey] = []
        self.reports = 0
        self._problems: list[BaseException] = []
        self._is_over = threading.Event()

    @contextmanager
    def running(self) -> Iterator["Load"]:
        plays = [self._play([arrive]), self._play([choose, refuse]), self._play([refuse, ask_the_next, choose]), self._report()]
        threads = [threading.Thread(target=self._guarded, args=(play,)) for play in plays]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join(120)
        if self._problems:
            raise self._problems[0]

    def _guarded(self, play: Iterator[None]) -> None:
        try:
            for _ in play:
                if self._is_over.is_set():
                    return
        except BaseException as problem:  # noqa: BLE001 -- raised again in the test's thread
            self._problems.append(problem)
        finally:
            connections.close_all()

    def _play(self, kinds: list[Callable[[Ward], Journey]]) -> Iterator[None]:
        for kind in cycle(kinds):
            self.journeys.append(kind(self.ward))
            yield

    def _report(self) -> Iterator[None]:
        """Each report on top of the last one's version: one that was done twice, or not at all, breaks the chain."""
        capacity, person = self.ward.figures["kreis"], self.ward.night.conrad
        for version in range(1, 1_000_000):
            answer = person.put(f"capacities/{capacity.pk}", {"staffed": 9, "occupied": version % 9, "blocked": 0}, If_Match=str(version))
            assert answer.status_code == 200, answer.json()
            assert answer.json()["version"] == version + 1
            self.reports += 1
            yield
