"""A day's messages, shuffled and doubled, leave what happened; the board shows it within a second."""

import random
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from beds.models import Bed
from beds.occupancy import Fact, Kind, standing
from integration.hl7v2.headers import header_of
from integration.hl7v2.notices import notice_of
from tests.cast import Night
from tests.integration.adt import Line, Listener, Sending, hl7_time
from tests.integration.adt_day import Day, Said
from tests.messaging.server import Server
from tests.messaging.test_socket import of, read_until
from tests.messaging.test_watching import watching

LABELS = [f"5-{number:02}" for number in range(1, 41)]
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
BEFORE = Fact(Kind.SEEN, LONG_AGO, LONG_AGO, LONG_AGO, "U")


def message(said: Said, adt: Any, **changed: str) -> str:
    told = {"EVN_6": hl7_time(said.of)} if said.of else {}
    more = {"status": said.status} if said.event == "A20" else {"former": said.former}
    text: str = Sending.says(adt, said.event, said.bed, at=said.at, **more, **told, **changed)
    return text


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


class Voice:
    """Only what ``Sending.says`` needs: no database."""

    application, facility = "KIS", "UNI"


@pytest.mark.parametrize("seed", range(60))
def test_in_any_order_the_same_beds(seed: int) -> None:
    """Every word of it read from the messages' own text."""
    day, now = Day(seed, LABELS[:6], 120), datetime.now(UTC)
    facts: dict[str, list[Fact]] = defaultdict(lambda: [BEFORE])
    told = [*day.said, *day.said[::7]]
    random.Random(seed).shuffle(told)

    for said in told:
        for place, fact in notice_of(header_of(message(said, Voice()).encode()), UTC, now).says:
            facts[place.bed].append(fact)

    assert {bed: getattr(standing(facts[bed]), "status", "") for bed in day.beds} == day.status


@pytest.mark.timeout(400)
def test_thousands_of_messages_by_many_connections_leave_who_lies_there(listener: Listener, server: Server, night: Night) -> None:
    adt, day = Sending(night.uni, beds=len(LABELS)), Day(1, LABELS, 2000)
    texts = [message(said, adt) for said in day.said]
    told = [*texts, *texts[::10]]
    random.Random(2).shuffle(told)
    answers: list[str] = []

    def send(part: list[str]) -> None:
        with Line(listener.port) as line:
            answers.extend(line.sends(text).msa[0] for text in part)

    threads = [threading.Thread(target=send, args=(told[number::8],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)

    assert answers == ["AA"] * len(told)
    assert dict(Bed.objects.filter(unit=adt.unit).values_list("label", "status")) == day.status
    assert {bed for bed, status in day.status.items() if status == "O"} == day.occupied()
    assert adt.on_the_board(night.adler)["occupied"] == len(day.occupied())
    assert night.actions_of(night.uni).count("integration.take_message") >= len(texts)
    free = next(bed for bed in LABELS if day.status[bed] in "UH")
    with watching(server, night.adler) as board, Line(listener.port) as line:
        started = time.monotonic()
        assert line.sends(adt.says("A01", free, at=datetime.now(UTC), id=uuid4().hex)) == "AA"
        read_until(board, of("board"), within=1)
        assert adt.on_the_board(night.adler)["occupied"] == len(day.occupied()) + 1
        assert time.monotonic() - started < 1
