"""Values that are well-formed and beyond every bound: an answer that says so, never a failure of ours."""

import json
from base64 import b64encode
from typing import Any
from uuid import uuid4

import pytest

from audit.models import Log
from tests.messaging.people import envelope_json, seal, send, start_talk
from tests.messaging.server import Server

CURSORS = [
    "p=abc",
    "p=2020-01-01\0",
    "r=1&p=2020-13-01T00:00",
    "p=9999-99",
    "p=0001-01-01 00:00:00+23:59",
    "p=2020-01-01",
    "o=-5",
    "o=x",
    "\xff",
]


@pytest.fixture(scope="module")
def night(shared_night: Any) -> Any:
    return shared_night


@pytest.mark.parametrize("cursor", [*(b64encode(given.encode()).decode() for given in CURSORS), "abc", "%ff"])
def test_a_cursor_is_one_of_ours_or_refused(night: Any, cursor: str) -> None:
    answer = night.adler.get(f"requests?cursor={cursor}")

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor.malformed")


@pytest.mark.parametrize("limit", ["-1", "0", "999999999999999999999", "x", "%00"])
def test_a_page_has_its_size_whatever_is_asked(night: Any, limit: str) -> None:
    assert night.adler.get(f"requests?limit={limit}").status_code == 200
    assert night.adler.get(f"conversations/{uuid4()}/messages?limit={limit}").status_code in (400, 404)


@pytest.mark.parametrize("after", ["-1", "1.5", "%00", "9" * 5000])
def test_a_position_is_a_number(night: Any, after: str) -> None:
    assert night.adler.get(f"statements?after={after}").status_code == 400


def test_a_position_beyond_all_is_an_empty_page(night: Any) -> None:
    assert night.adler.get(f"statements?after={'9' * 23}").json()["results"] == []


@pytest.mark.parametrize("groups", [400, 1500])
@pytest.mark.parametrize("of", ["tile/0", "tile/7", "tile/entries"])
def test_a_tile_of_a_number_without_end_is_none(night: Any, of: str, groups: int) -> None:
    night.adler.get("directory")
    log = Log.objects.values_list("id", flat=True).first() or uuid4()

    for who in (night.anonymous, night.kreis.registrar):
        assert who.get(f"/audit/logs/{log}/{of}/{'x001/' * groups}000").status_code in (401, 404)


@pytest.mark.parametrize("epoch", [2, 2**31, 2**53 - 1])
def test_an_epoch_that_will_never_be(night: Any, epoch: int) -> None:
    talk = start_talk(night)
    _, sealed = seal(night.adler, talk, epoch=epoch)

    answer = send(night.adler, talk, sealed)

    assert (answer.status_code, answer.json()["code"]) == (409, "epoch.not_current")


@pytest.mark.parametrize("number", ["0", "9" * 19, "9" * 4200, "9" * 5000])
def test_a_chunk_of_a_file_that_is_not_there(night: Any, number: str) -> None:
    assert night.adler.put(f"attachments/{uuid4()}/chunks/{number}", b"x").status_code == 404


@pytest.mark.parametrize("path", ["../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "7d0c2f4e-9a51-4d0b-8a1e-3f6b5c2d1e00%00", "-1"])
def test_an_id_is_no_path(night: Any, path: str) -> None:
    for url in (f"attachments/{path}/content", f"conversations/{path}", f"requests/{path}"):
        assert night.adler.get(url).status_code == 404


def test_an_epoch_that_will_never_be_over_the_socket(night: Any, server: Server) -> None:
    talk = start_talk(night)
    _, sealed = seal(night.adler, talk, epoch=2**40)
    with server.connect(night.adler) as socket:
        socket.send(json.dumps({"id": 1, "do": "send", "conversation": str(talk.id), "envelope": envelope_json(sealed)}))
        answers = (json.loads(socket.recv(timeout=10)) for _ in range(5))
        answer = next(answer for answer in answers if answer["t"] == "answer")

    assert (answer["status"], answer["body"]["code"]) == (409, "epoch.not_current")
