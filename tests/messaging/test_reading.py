"""Sync, gaps and keys: what the actor may read now, with which cost, and that the log knows."""

from typing import Any

import pytest

from benchmarks.people import Talk
from tests.cast import Night
from tests.messaging.people import LAPSES, creation, envelope_json, hand_over, recipients, seal, seal_first, send, sent, start_talk
from wardline_client.protocol.encoding import decode
from wardline_client.protocol.epochs import open_epoch
from wardline_client.protocol.messages import open_message


def listed(someone: Any) -> set[str]:
    return {conversation["id"] for conversation in someone.get("sync").json()["conversations"]}


def test_sync_says_what_there_is(night: Night, talk: Talk) -> None:
    for _ in range(3):
        sent(night.adler, talk)
    night.brandt.post(f"conversations/{talk.id}/delivered", {"sequence": 2})

    body = night.brandt.get("sync").json()

    found = next(conversation for conversation in body["conversations"] if conversation["id"] == str(talk.id))
    assert (found["epoch"], found["last_sequence"], found["delivered_sequence"]) == (1, 3, 2)
    assert (found["candidate"], found["request"]) == (None, None)
    assert [member["kind"] for member in found["members"]].count("archive") == 2


def test_a_gap_is_filled_in_order_with_the_bytes_that_were_sent(night: Night, talk: Talk) -> None:
    sealed = [seal(night.adler, talk, str(n).encode())[1] for n in range(5)]
    for message in sealed:
        send(night.adler, talk, message)

    body = night.brandt.get(f"conversations/{talk.id}/messages?after=2&limit=2").json()

    assert [message["sequence"] for message in body["results"]] == [3, 4]
    assert body["last_sequence"] == 5
    assert [{name: message[name] for name in "hcs"} for message in body["results"]] == [envelope_json(m) for m in sealed[2:4]]


def test_the_duty_holder_opens_everything_with_the_roles_key_alone(night: Night, talk: Talk) -> None:
    sent(night.adler, talk, b"before the shift")
    hand_over(night, to=night.dorn)

    epoch = night.dorn.get(f"conversations/{talk.id}/epochs").json()["results"][0]
    message = night.dorn.get(f"conversations/{talk.id}/messages").json()["results"][0]

    assert [wrap["principal"] for wrap in epoch["wraps"]] == [str(night.uni.role.id)]
    wrap, kem = decode(epoch["wraps"][0]["wrap"]), night.uni.role.keys.kem
    key = open_epoch(h=decode(epoch["h"]), wrap=wrap, principal=night.uni.role.id, kem=kem)
    assert open_message(h=decode(message["h"]), c=decode(message["c"]), key=key) == b"before the shift"


def test_the_former_duty_holder_gets_no_ciphertext_and_no_key(night: Night, talk: Talk) -> None:
    sent(night.adler, talk)
    hand_over(night, to=night.dorn)

    for path in ("messages", "epochs"):
        assert night.brandt.get(f"conversations/{talk.id}/{path}").status_code == 404
    assert str(talk.id) not in listed(night.brandt)
    assert str(talk.id) in listed(night.dorn)


def test_reading_is_in_the_log_of_both_hospitals(night: Night, talk: Talk) -> None:
    sent(night.adler, talk)
    night.brandt.get(f"conversations/{talk.id}/messages")
    night.brandt.get(f"conversations/{talk.id}/epochs")

    for hospital in (night.kreis, night.uni):
        read, keys = night.audit_of(hospital)[-2:]
        assert (read.action, read.detail, read.agent["person"]) == ("messaging.read", {"first": 1, "last": 1}, str(night.brandt.pseudonym))
        assert (keys.action, keys.detail) == ("messaging.read_keys", {"first": 1, "last": 1})


def test_when_the_reading_cannot_be_recorded_nothing_is_read(night: Night, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(night.adler, talk)

    def broken(**_: Any) -> None:
        raise RuntimeError("no audit")

    monkeypatch.setattr("messaging.reading.record", broken)
    with pytest.raises(RuntimeError):
        night.brandt.get(f"conversations/{talk.id}/messages")


@pytest.mark.parametrize("who", ["outsider", "dorn", "conrad", "middle"])
@pytest.mark.parametrize("path", ["", "/messages", "/epochs"])
def test_for_those_outside_it_does_not_exist(night: Night, talk: Talk, who: str, path: str) -> None:
    someone = night.person(who)

    assert someone.get(f"conversations/{talk.id}{path}").status_code == 404
    assert listed(someone) == set()


@pytest.mark.parametrize("lapse", LAPSES)
@pytest.mark.parametrize("path", ["sync", "conversations/{}", "conversations/{}/messages", "conversations/{}/epochs"])
def test_a_once_valid_cookie_reads_nothing(night: Night, talk: Talk, lapse: str, path: str) -> None:
    assert night.adler.get(path.format(talk.id)).status_code == 200
    LAPSES[lapse](night.adler)

    assert night.adler.get(path.format(talk.id)).status_code == 401


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=501", "after=99999999999999999999"])
def test_a_senseless_range_is_refused(night: Night, talk: Talk, query: str) -> None:
    assert night.adler.get(f"conversations/{talk.id}/messages?{query}").status_code == 400


def test_the_number_of_queries_does_not_grow(night: Night, talk: Talk, django_assert_num_queries: Any) -> None:
    """Counted with one row and with many; one query of each is the actor's."""
    expected = {"sync": 3, f"conversations/{talk.id}": 6, f"conversations/{talk.id}/messages": 8, f"conversations/{talk.id}/epochs": 8}
    for many in (1, 5):
        for _ in range(many):
            id = sent(night.adler, talk)
            night.brandt.post(f"conversations/{talk.id}/messages/{id}/acknowledge", {})
            start_talk(night)
        for path, count in expected.items():
            with django_assert_num_queries(count):
                assert night.brandt.get(path).status_code == 200


def test_a_rotated_conversation_gives_all_its_keys(night: Night) -> None:
    first = seal_first(night.adler, recipients(night))
    night.adler.post("conversations", creation(first))

    body = night.brandt.get(f"conversations/{first.header.conversation}/epochs?after=1").json()

    assert body == {"results": []}
