"""ADT messages over MLLP, by real connections to the real listener: what each event does to a bed, and how it is answered."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cast import Night
from tests.integration.adt import Line, Listener, Sending
from tests.messaging.server import Server
from tests.messaging.test_socket import of, read_until
from tests.messaging.test_watching import watching


@pytest.fixture(scope="module")
def listener(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    with django_db_blocker.unblock(), Listener.started(tmp_path_factory.mktemp("mllp")) as running:
        yield running


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    with django_db_blocker.unblock(), Server.started() as running:
        yield running


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


@pytest.fixture
def adt(night: Night) -> Sending:
    return Sending(night.uni)


@pytest.fixture
def line(listener: Listener) -> Iterator[Line]:
    with Line(listener.port) as opened:
        yield opened


def test_a_program_nobody_here_wrote_admits_a_patient_and_the_board_shows_it(
    listener: Listener, server: Server, night: Night, adt: Sending, tmp_path: Path
) -> None:
    message = tmp_path / "a01.hl7"
    message.write_bytes(b"\x0b" + adt.says("A01", "5-01").encode() + b"\x1c\r")
    sender = [Path(sys.executable).parent / "mllp_send", "--file", message, "--port", str(listener.port), "127.0.0.1"]

    with watching(server, night.adler) as board:
        subprocess.run(sender, check=True, timeout=30, stdout=subprocess.DEVNULL)
        assert read_until(board, of("board"), within=1)["hospital"] == str(night.uni.id)

    figure = adt.on_the_board(night.adler)
    assert (figure["staffed"], figure["occupied"], figure["source"]) == (4, 1, "adt")
