"""A conversation's next key."""

from typing import Any

import pytest

from benchmarks.people import Talk
from identity.models import PrincipalKey
from messaging.models import Conversation, Epoch
from tests.cast import Night, Someone
from tests.messaging.people import epoch_json, hand_over, recipients, seal, seal_first, send
from wardline_client.protocol.encoding import sha256
from wardline_client.protocol.epochs import SealedEpoch


def following(night: Night, talk: Talk, by: Someone, **changes: Any) -> SealedEpoch:
    former = Epoch.objects.filter(conversation=talk.id).latest("number")
    given = {"conversation": talk.id, "epoch": former.number + 1, "prev": sha256(bytes(former.header))}
    return seal_first(by, recipients(night), **{**given, **changes})


def rotate(someone: Someone, talk: Talk, sealed: SealedEpoch) -> Any:
    return someone.post(f"conversations/{talk.id}/epochs", {"epoch": epoch_json(sealed)})


def test_the_next_epoch_becomes_current_and_the_former_takes_no_messages(night: Night, talk: Talk) -> None:
    _, old = seal(night.adler, talk)

    answer = rotate(night.brandt, talk, following(night, talk, night.brandt, role=night.uni.role.id))

    assert (answer.status_code, answer.json()) == (201, {"epoch": 2})
    assert send(night.adler, talk, old).json()["code"] == "epoch.not_current"
    assert send(night.adler, talk, seal(night.adler, talk, epoch=2)[1]).status_code == 201
    assert night.actions_of(night.kreis).count("messaging.create_epoch") == 1


def test_the_same_bytes_again_are_the_same_epoch(night: Night, talk: Talk) -> None:
    sealed = following(night, talk, night.adler)

    assert [rotate(night.adler, talk, sealed).status_code for _ in range(2)] == [201, 200]
    assert Epoch.objects.filter(conversation=talk.id).count() == 2


@pytest.mark.parametrize("change", [{"epoch": 3}, {"prev": b"\1" * 32}])
def test_one_that_does_not_follow_the_latest_is_refused(night: Night, talk: Talk, change: dict[str, Any]) -> None:
    answer = rotate(night.adler, talk, following(night, talk, night.adler, **change))

    assert (answer.status_code, answer.json()["code"], answer.json()["epoch"]) == (409, "epoch.not_next", 1)


@pytest.mark.race
def test_of_two_at_once_one_is_next(night: Night, talk: Talk) -> None:
    path = f"conversations/{talk.id}/epochs"
    calls = [night.adler.posting(path, {"epoch": epoch_json(following(night, talk, night.adler))}) for _ in range(2)]

    answers = night.at_once(*calls)

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert Conversation.objects.get(pk=talk.id).epoch == 2


def test_after_a_key_was_replaced_the_answer_says_with_whom(night: Night, talk: Talk) -> None:
    sealed = following(night, talk, night.adler)
    PrincipalKey.objects.filter(principal=night.uni.role.id).update(kid=b"\7" * 16)

    answer = rotate(night.adler, talk, sealed)

    assert (answer.status_code, answer.json()["code"]) == (409, "epoch.stale_recipients")
    assert [str(night.uni.role.id), "BwcHBwcHBwcHBwcHBwcHBw"] in answer.json()["recipients"]
    assert answer.json()["recipients"] == night.adler.get(f"conversations/{talk.id}").json()["recipients"]


@pytest.mark.parametrize("who", ["outsider", "dorn"])
def test_for_those_outside_it_does_not_exist(night: Night, talk: Talk, who: str) -> None:
    someone = night.person(who)

    assert rotate(someone, talk, following(night, talk, someone)).status_code == 404


def test_the_former_duty_holder_makes_none(night: Night, talk: Talk) -> None:
    sealed = following(night, talk, night.brandt)
    hand_over(night, to=night.dorn)

    assert rotate(night.brandt, talk, sealed).status_code == 404
    assert Conversation.objects.get(pk=talk.id).epoch == 1
