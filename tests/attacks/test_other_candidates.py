"""A hospital that was asked, and everything it can read: nowhere is there a trace of the others that were asked."""

import base64
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from audit.checkpoints import sign_checkpoint
from audit.models import Log
from audit.sequencer import integrate
from tests.cast import Night

READABLE = ["requests", "requests?state=open", "requests?state=closed", "sync", "board", "directory", "statements", "duty", "devices"]


@pytest.fixture
def asked(ward: Any) -> Any:
    return ward.asks("uni", "nord", "mitte")


def traces(asked: Any) -> set[str]:
    """Of nord's and mitte's parts: candidate, conversation, message."""
    found = set()
    for given in asked.body["candidates"]:
        if given["id"] != asked["uni"]:
            found |= {given["id"], given["conversation"]["id"]}
    return found


def read_by(caller: Any, *urls: str) -> str:
    answers = [caller.get(url) for url in urls]
    assert {answer.status_code for answer in answers} == {200}
    return "".join(b"".join(answer).decode() for answer in answers)


@pytest.mark.parametrize("moves", [[], ["acknowledge"], ["acknowledge", "hold", "confirm"]])
@pytest.mark.parametrize("by", ["uni", "nord"])
def test_no_list_shows_them(night: Night, asked: Any, by: str, moves: list[str]) -> None:
    asked.at(by, *moves)
    seen = read_by(night.brandt, *READABLE, f"requests/{asked.id}")

    assert asked["uni"] in seen
    assert not [trace for trace in traces(asked) if trace in seen]


def test_the_log_that_its_registrar_takes_home_shows_none(night: Night, asked: Any, settings: Any, tmp_path: Path) -> None:
    asked.at("nord", "acknowledge", "hold", "confirm")
    settings.STATE_DIR, settings.AUDIT_KEY_FILE = tmp_path, tmp_path / "audit.key"
    while integrate(night.uni.id):
        pass
    sign_checkpoint(Log.objects.get(hospital=night.uni.id).id)
    lines = [json.loads(line) for line in read_by(night.uni.registrar, "audit/export").splitlines()]
    events = [json.loads(base64.b64decode(line["leaf"])) for line in lines if "leaf" in line]

    assert asked["uni"] in str(events)
    assert not [trace for trace in traces(asked) if trace in str(events)]
    others = {str(night.nord.id), str(night.mitte.id)}
    about = [event for event in events if asked.id in event["subjects"].values()]
    assert about
    assert not [event for event in about if others & set(event["hospitals"])]


@pytest.mark.parametrize("action", ["acknowledge", "hold", "confirm", "withdraw", "cancel"])
def test_to_try_one_of_them_is_to_try_a_made_up_one(night: Night, asked: Any, action: str) -> None:
    for who in (night.brandt, night.dorn, night.uni.registrar):
        theirs = asked.take("nord", action, by=who)
        nobodys = who.post(f"candidates/{uuid4()}/{action}", {})
        assert (theirs.status_code, theirs.json()) == (nobodys.status_code, nobodys.json()) == (404, nobodys.json())


def test_a_conversation_of_another_candidate_is_none(night: Night, asked: Any) -> None:
    for given in asked.body["candidates"]:
        expected = 200 if given["id"] == asked["uni"] else 404
        assert night.brandt.get(f"conversations/{given['conversation']['id']}").status_code == expected


def test_a_key_of_another_person_or_place_gives_nothing_away(night: Night, asked: Any) -> None:
    """The first answer is for whom it was given, at the address it was given."""
    key = uuid4()
    assert asked.take("uni", "acknowledge", key=key).status_code == 200

    assert asked.take("uni", "acknowledge", by=night.north, key=key).status_code == 404
    assert asked.take("uni", "request-info", key=key).json()["code"] == "idempotency.key_reused"


@pytest.mark.parametrize("minutes", [-15, 0, 1, 10**9, 2**63, "15; DROP TABLE", None, [15], {"a": 1}, 15.5])
def test_a_bed_is_held_for_the_minutes_of_the_list(asked: Any, minutes: object) -> None:
    asked.at("uni", "acknowledge")

    assert asked.take("uni", "hold", hold_minutes=minutes).status_code == 400
    assert asked.states()["uni"] == "acknowledged"


def test_nobody_promises_anothers_bed(ward: Any, asked: Any) -> None:
    asked.at("uni", "acknowledge")

    for capacity in (ward.figures["nord"].pk, ward.figures["kreis"].pk, uuid4()):
        assert asked.take("uni", "hold", capacity=str(capacity)).status_code == 404
    assert asked.take("uni", "hold", bed=str(uuid4())).status_code == 404
    assert asked.states()["uni"] == "acknowledged"
