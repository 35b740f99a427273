"""A socket that was opened in good standing, and what ended since."""

import time

import pytest
from websockets.exceptions import ConnectionClosed

from messaging.hub import LOOK_AGAIN
from tests.cast import Night
from tests.messaging.people import LAPSES, envelope_json, seal, start_talk
from tests.messaging.server import Server
from tests.messaging.test_socket import ask, code_at_close, opened


@pytest.mark.parametrize("lapse", LAPSES)
def test_it_closes_although_nobody_heard_that_the_sign_in_ended(night: Night, server: Server, lapse: str) -> None:
    """Redis was away in the second of the revocation, so the ring was lost: the row in the table closes the socket."""
    with opened(server, night.adler) as adler, opened(server, night.brandt) as brandt:
        LAPSES[lapse](night.adler)

        assert code_at_close(adler, within=LOOK_AGAIN + 3) == 4401
        assert ask(brandt, "no-such-command")["status"] == 400  # who is in good standing stays


def test_a_revocation_between_two_sends_lets_only_the_first_pass(night: Night, server: Server) -> None:
    """Both are on the wire when the revocation commits; the writer asks the tables, not the socket."""
    talk = start_talk(night)
    with opened(server, night.adler) as adler:
        _, first = seal(night.adler, talk)
        assert ask(adler, "send", conversation=str(talk.id), envelope=envelope_json(first))["status"] == 201
        LAPSES["device revoked"](night.adler)
        _, second = seal(night.adler, talk)
        assert ask(adler, "send", conversation=str(talk.id), envelope=envelope_json(second))["status"] == 401

    assert [message["sequence"] for message in night.brandt.get(f"conversations/{talk.id}/messages").json()["results"]] == [1]


NONSENSE = ["{", "[]", "null", '{"do":"send"}', '{"do":["send"]}', '{"id":{},"do":"ping "}', '{"id":"\\ud800","do":"x"}']
NONSENSE += ["[" * 100_000, '{"do":' + "9" * 5000 + "}"]


def test_frames_that_make_no_sense_close_nothing(night: Night, server: Server) -> None:
    with opened(server, night.adler) as socket:
        for frame in NONSENSE:
            socket.send(frame)
        socket.send(b"bytes")
        deadline, answers = time.monotonic() + 10, 0
        while answers < len(NONSENSE) + 1 and time.monotonic() < deadline:
            answers += '"status":400' in socket.recv(timeout=5)
        assert answers == len(NONSENSE) + 1


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://localhost:8000.evil.example"])
def test_another_origin_opens_none(night: Night, server: Server, origin: str | None) -> None:
    with pytest.raises(Exception, match="rejected") as refused, server.connect(night.adler, origin=origin):
        pass
    assert not isinstance(refused.value, ConnectionClosed)
