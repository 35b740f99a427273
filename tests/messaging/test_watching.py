"""Who looks at a board is told of its changes, at once and not more often than somebody can look."""

import asyncio
import json
from typing import Any
from uuid import UUID

from django.db import transaction

from backend.realtime import WATCH, encode_frame, ring_watching_after_commit
from messaging.hub import WATCH_REST, Hub, Socket
from tests.cast import Night, Someone
from tests.messaging.server import Server
from tests.messaging.test_socket import of, opened, read_until

HERE, THERE, ELSEWHERE = (UUID(int=n) for n in range(3))


def board(hospital: UUID) -> dict[str, str]:
    return {"t": "board", "hospital": str(hospital)}


def heard_of(night: Night, hospital: UUID, *boards: UUID) -> None:
    with transaction.atomic():
        ring_watching_after_commit(boards, board(hospital))


def watching(server: Server, somebody: Someone) -> Any:
    socket = opened(server, somebody)
    socket.send(json.dumps({"do": "watch", "board": True}))
    socket.send(json.dumps({"do": "ping"}))
    read_until(socket, of("pong"))
    return socket


def events(socket: Any) -> list[str]:
    """What came before the answer to a ping."""
    socket.send(json.dumps({"do": "ping"}))
    seen: list[str] = []
    read_until(socket, lambda event: seen.append(event["t"]) or event["t"] == "pong")  # type: ignore[func-returns-value]
    return seen[:-1]


def test_who_watches_is_told_and_who_does_not_is_left_alone(server: Server, night: Night) -> None:
    with watching(server, night.adler) as adler, opened(server, night.conrad) as conrad, watching(server, night.outsider) as outsider:
        heard_of(night, night.uni.id, night.kreis.id, night.uni.id)

        assert read_until(adler, of("board"), within=1) == board(night.uni.id)
        assert events(conrad) == []
        assert events(outsider) == []


def test_who_looks_away_is_told_no_more(server: Server, night: Night) -> None:
    with watching(server, night.adler) as adler:
        adler.send(json.dumps({"do": "watch", "board": False}))
        events(adler)
        heard_of(night, night.uni.id, night.kreis.id)
        assert events(adler) == []


def told(dispatches: list[tuple[float, list[UUID], UUID]]) -> list[tuple[float, str]]:
    """What a socket of ``HERE`` was sent, and when, given rings at their times (seconds from the start)."""

    async def run() -> list[tuple[float, str]]:
        sent: list[tuple[float, str]] = []
        loop, hub = asyncio.get_running_loop(), Hub()
        start = loop.time()

        async def send(message: dict[str, Any]) -> None:
            sent.append((loop.time() - start, json.loads(message["text"])["hospital"]))

        socket = Socket(send, person="p", sign_in="s", hospital=str(HERE))
        hub.add(socket)
        hub.watch(socket, is_on=True)
        for at, boards, hospital in dispatches:
            await asyncio.sleep(max(0.0, start + at - loop.time()))
            await hub.dispatch(encode_frame(WATCH, boards, json.dumps(board(hospital))))
        await asyncio.sleep(3 * WATCH_REST)
        hub.remove(socket)
        return sent

    return asyncio.run(run())


def test_a_storm_of_one_hospital_is_two_rings_a_second_and_the_last_change_is_told() -> None:
    storm = [(n / 100, [HERE], THERE) for n in range(100)]  # a hundred reports in a second

    sent = told(storm)

    assert 2 <= len(sent) <= 4
    assert sent[0][0] < 0.1, "the first at once"
    assert 0.99 < sent[-1][0] < 0.99 + 2 * WATCH_REST, "and once more after the last"


def test_hospitals_do_not_wait_for_each_other() -> None:
    sent = told([(0, [HERE], THERE), (0, [HERE], ELSEWHERE), (0, [HERE], THERE)])

    assert [hospital for at, hospital in sent if at < WATCH_REST / 2] == [str(THERE), str(ELSEWHERE)]
    assert len(sent) == 3


def test_a_board_that_does_not_show_it_is_not_told() -> None:
    assert told([(0, [THERE], THERE), (0.1, [THERE], THERE)]) == []


def test_a_board_added_while_it_rests_is_told_after() -> None:
    assert len(told([(0, [THERE], THERE), (0.1, [HERE], THERE)])) == 1
