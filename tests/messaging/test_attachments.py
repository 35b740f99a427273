"""Attachments: resumed, truncated, exchanged, opened by who may, and by nobody unseen."""

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from benchmarks.people import Talk
from messaging.attachments import CHUNK, MAX_SIZE
from tests.cast import Night, Someone
from tests.messaging.people import hand_over, refusals, seal, send
from tests.messaging.server import Server
from wardline_client.protocol.encoding import encode
from wardline_client.protocol.messages import Attachment

pytestmark = pytest.mark.usefixtures("blob_dir")

FILE = os.urandom(2 * CHUNK + 1000)


def chunks(content: bytes) -> list[bytes]:
    return [content[start : start + CHUNK] for start in range(0, len(content), CHUNK)]


def announce(someone: Someone, talk: Talk, content: bytes = FILE, **changes: Any) -> Any:
    digest = encode(hashlib.sha256(content).digest())
    body = {"id": str(uuid4()), "conversation": str(talk.id), "size": len(content), "sha256": digest}
    return someone.post("attachments", body | changes)


def announced(someone: Someone, talk: Talk, content: bytes = FILE) -> UUID:
    id = uuid4()
    answer = announce(someone, talk, content, id=str(id))
    assert answer.status_code == 201, answer.content
    return id


def put(someone: Someone, id: UUID, number: int, content: bytes) -> Any:
    return someone.put(f"attachments/{id}/chunks/{number}", content)


def uploaded(someone: Someone, talk: Talk, content: bytes = FILE) -> UUID:
    id = announced(someone, talk, content)
    for number, chunk in enumerate(chunks(content)):
        assert put(someone, id, number, chunk).status_code == 201
    answer = someone.post(f"attachments/{id}/complete")
    assert answer.status_code == 200, answer.content
    return id


def test_an_upload_goes_on_where_it_was_dropped(night: Night, talk: Talk) -> None:
    id, parts = announced(night.adler, talk), chunks(FILE)
    put(night.adler, id, 2, parts[2])
    put(night.adler, id, 0, parts[0])

    assert night.adler.get(f"attachments/{id}").json() == {"size": len(FILE), "chunks": [0, 2], "is_complete": False}
    early = night.adler.post(f"attachments/{id}/complete")
    assert (early.status_code, early.json()["code"], early.json()["missing"]) == (409, "attachment.missing_chunks", [1])

    assert put(night.adler, id, 1, parts[1]).status_code == 201
    assert [night.adler.post(f"attachments/{id}/complete").json()["is_complete"] for _ in range(2)] == [True, True]
    assert b"".join(night.brandt.get(f"attachments/{id}/content").streaming_content) == FILE
    assert night.actions_of(night.uni).count("messaging.complete_attachment") == 1


def test_the_same_chunk_again_changes_nothing_and_other_bytes_are_refused(night: Night, talk: Talk) -> None:
    id, first = announced(night.adler, talk), chunks(FILE)[0]

    answers = [put(night.adler, id, 0, content) for content in (first, first, bytes(CHUNK))]

    assert [answer.status_code for answer in answers] == [201, 200, 409]
    assert answers[2].json()["code"] == "attachment.chunk_differs"


@pytest.mark.race
def test_of_two_contents_for_one_chunk_at_once_the_kept_one_stays_whole(night: Night, talk: Talk) -> None:
    content, other = os.urandom(5000), os.urandom(5000)
    id = announced(night.adler, talk, content)

    def putting(part: bytes) -> Any:
        client = night.adler.new_client()
        path, headers = f"/api/v1/attachments/{id}/chunks/0", {"X-CSRFToken": "c" * 32}
        return lambda: client.put(path, part, content_type="application/octet-stream", headers=headers)

    answers = night.at_once(*(putting(part) for part in (content, other) * 3))

    mine, others = ({answer.status_code for answer in answers[start::2]} for start in (0, 1))
    # One content is kept, however the requests interleaved; the other is refused every time.
    assert (mine, others) in [({200, 201}, {409}), ({409}, {200, 201})]
    assert night.adler.post(f"attachments/{id}/complete").status_code == (400 if mine == {409} else 200)


def test_what_arrived_must_be_what_was_announced(night: Night, talk: Talk, blob_dir: Path) -> None:
    content = os.urandom(3000)
    id = announced(night.adler, talk, content)
    put(night.adler, id, 0, os.urandom(3000))

    answer = night.adler.post(f"attachments/{id}/complete")

    assert (answer.status_code, answer.json()["code"]) == (400, "attachment.digest_mismatch")
    assert night.brandt.get(f"attachments/{id}/content").status_code == 409


@pytest.mark.parametrize(
    ("number", "size", "status", "code"),
    [
        (0, CHUNK - 1, 400, "attachment.chunk_size"),
        (0, CHUNK + 1, 413, "attachment.chunk_too_large"),
        (0, 0, 400, "attachment.chunk_size"),
        (2, 999, 400, "attachment.chunk_size"),
        (3, 10, 400, "attachment.chunk_number"),
        (10**30, 10, 400, "attachment.chunk_number"),
    ],
)
def test_a_chunk_of_the_wrong_size_or_number_is_refused(night: Night, talk: Talk, number: int, size: int, status: int, code: str) -> None:
    answer = put(night.adler, announced(night.adler, talk), number, bytes(size))

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"size": MAX_SIZE + 1}, 413, "attachment.too_large"),
        ({"size": 0}, 400, "invalid"),
        ({"sha256": "AAAA"}, 400, "attachment.digest"),
        ({"sha256": "A="}, 400, "encoding.not_canonical"),
        ({"conversation": str(uuid4())}, 404, "not_found"),
    ],
)
def test_an_announcement_out_of_bounds_is_refused(night: Night, talk: Talk, change: dict[str, Any], status: int, code: str) -> None:
    answer = announce(night.adler, talk, **change)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_id_used_again_is_refused(night: Night, talk: Talk) -> None:
    id = announced(night.adler, talk)

    assert announce(night.adler, talk, id=str(id)).status_code == 200
    assert announce(night.adler, talk, b"other", id=str(id)).json()["code"] == "attachment.id_reused"
    assert announce(night.brandt, talk, id=str(id)).json()["code"] == "attachment.id_reused"


def test_a_message_refers_to_what_arrived_and_to_nothing_else(night: Night, talk: Talk) -> None:
    content = os.urandom(2000)
    id = uploaded(night.adler, talk, content)
    right = Attachment(id, hashlib.sha256(content).digest(), len(content))
    wrong = Attachment(id, hashlib.sha256(b"other").digest(), len(content))

    assert send(night.adler, talk, seal(night.adler, talk, attachments=(wrong,))[1]).json()["code"] == "attachment.incomplete"
    assert send(night.adler, talk, seal(night.adler, talk, attachments=(right,))[1]).status_code == 201


def test_opening_is_recorded_before_the_first_byte_leaves(night: Night, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    id = uploaded(night.adler, talk, os.urandom(2000))
    answer = night.brandt.get(f"attachments/{id}/content")

    # Nothing of the body has been asked for yet.
    event = night.audit_of(night.kreis)[-1]
    assert (event.action, event.agent["person"], event.subjects["attachment"]) == (
        "messaging.open_image",
        str(night.brandt.pseudonym),
        str(id),
    )
    assert len(b"".join(answer.streaming_content)) == 2000

    def broken(**_: Any) -> None:
        raise RuntimeError("no audit")

    monkeypatch.setattr("messaging.attachments.record", broken)
    with pytest.raises(RuntimeError):
        night.brandt.get(f"attachments/{id}/content")


@pytest.mark.parametrize("who", ["outsider", "dorn", "former_holder"])
def test_for_those_outside_it_does_not_exist(night: Night, talk: Talk, who: str) -> None:
    id = uploaded(night.adler, talk, b"x" * 100)
    if who == "former_holder":
        hand_over(night, to=night.dorn)
    someone = night.brandt if who == "former_holder" else night.person(who)

    answers = [someone.get(f"attachments/{id}"), someone.get(f"attachments/{id}/content"), put(someone, id, 0, b"x" * 100)]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert refusals(night, someone) == ["not_found"] * 3


def test_a_member_who_did_not_start_the_upload_does_not_write_to_it(night: Night, talk: Talk) -> None:
    id = announced(night.adler, talk, b"x" * 100)

    assert put(night.brandt, id, 0, b"x" * 100).status_code == 404
    assert night.brandt.post(f"attachments/{id}/complete").status_code == 404


def test_bytes_that_changed_in_the_store_are_not_given_out(night: Night, talk: Talk, blob_dir: Path) -> None:
    id = uploaded(night.adler, talk, os.urandom(2000))
    (file,) = [path for path in blob_dir.rglob("*") if path.is_file()]
    file.write_bytes(b"\0" * 2000)

    answer = night.brandt.get(f"attachments/{id}/content")

    assert (answer.status_code, answer.json()["code"]) == (503, "attachment.unreadable")


def test_an_interrupted_write_leaves_no_chunk(night: Night, talk: Talk, blob_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    id = announced(night.adler, talk, b"x" * 100)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("messaging.blobs.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            put(night.adler, id, 0, b"x" * 100)

    assert [path for path in blob_dir.rglob("*") if path.is_file()] == []
    assert night.adler.get(f"attachments/{id}").json()["chunks"] == []


def through(server: Server, someone: Someone, talk: Talk, content: bytes) -> bytes:
    """Up and down again over real HTTP."""
    id = announced(someone, talk, content)
    cookies = f"{settings.SESSION_COOKIE_NAME}={someone.session_key}; {settings.CSRF_COOKIE_NAME}={'c' * 32}"
    headers = {"Cookie": cookies, "X-CSRFToken": "c" * 32, "Content-Type": "application/octet-stream"}
    place = f"{server.origin}/api/v1/attachments/{id}"
    for number, chunk in enumerate(chunks(content)):
        urlopen(Request(f"{place}/chunks/{number}", data=chunk, method="PUT", headers=headers), timeout=30).close()
    urlopen(Request(f"{place}/complete", data=b"", method="POST", headers=headers), timeout=60).close()
    with urlopen(Request(f"{place}/content", headers=headers), timeout=60) as answer:
        return bytes(answer.read())


def test_through_the_real_server_memory_does_not_grow_with_the_file(server: Server, night: Night, talk: Talk) -> None:
    # The smaller file is large enough to have warmed every thread and buffer there is.
    small, large = os.urandom(16 * CHUNK), os.urandom(60 * CHUNK)
    assert through(server, night.adler, talk, small) == small
    before = server.resident_bytes()

    assert through(server, night.adler, talk, large) == large

    assert server.resident_bytes() - before < 12 * CHUNK


def test_a_body_larger_than_anything_is_refused_at_the_door(server: Server, night: Night, talk: Talk) -> None:
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", "/api/v1/conversations", headers={"Content-Length": str(10**12), "Content-Type": "application/json"})

    assert connection.getresponse().status == 413
