"""Delivered and acknowledged, over HTTP."""

from uuid import uuid4

import pytest

from benchmarks.people import Talk
from tests.cast import Night
from tests.messaging.people import hand_over, sent


def test_delivered_only_grows(night: Night, talk: Talk) -> None:
    for _ in range(3):
        sent(night.adler, talk)

    answers = [night.brandt.post(f"conversations/{talk.id}/delivered", {"sequence": n}) for n in (2, 1, 2, 3)]

    assert [(answer.status_code, answer.json()["sequence"]) for answer in answers] == [(200, 2), (200, 2), (200, 2), (200, 3)]
    receipts = night.adler.get(f"conversations/{talk.id}").json()["receipts"]
    assert receipts == [{"person": str(night.brandt.id), "delivered_sequence": 3}]
    assert night.actions_of(night.kreis).count("messaging.deliver") == 2


def test_what_was_not_sent_cannot_be_delivered(night: Night, talk: Talk) -> None:
    answer = night.brandt.post(f"conversations/{talk.id}/delivered", {"sequence": 1})

    assert (answer.status_code, answer.json()["code"], answer.json()["last_sequence"]) == (400, "delivered.beyond_last", 0)


def test_an_acknowledgement_is_kept_once_with_the_role(night: Night, talk: Talk) -> None:
    id, role = sent(night.adler, talk), str(night.uni.role.id)

    answers = [night.brandt.post(f"conversations/{talk.id}/messages/{id}/acknowledge", {"role": role}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    message = night.adler.get(f"conversations/{talk.id}/messages").json()["results"][0]
    assert message["acknowledged"] == [answers[0].json()]
    assert message["acknowledged"][0]["role"] == role
    assert night.audit_of(night.kreis)[-2].action == "messaging.acknowledge"


def test_in_a_role_not_held_it_is_refused(night: Night, talk: Talk) -> None:
    id = sent(night.adler, talk)

    answer = night.adler.post(f"conversations/{talk.id}/messages/{id}/acknowledge", {"role": str(night.uni.role.id)})

    assert (answer.status_code, answer.json()["code"]) == (403, "role.not_on_duty")


@pytest.mark.parametrize("who", ["outsider", "dorn", "former_holder"])
def test_for_those_outside_neither_exists(night: Night, talk: Talk, who: str) -> None:
    id = sent(night.adler, talk)
    if who == "former_holder":
        hand_over(night, to=night.dorn)
    someone = night.brandt if who == "former_holder" else night.person(who)

    assert someone.post(f"conversations/{talk.id}/delivered", {"sequence": 1}).status_code == 404
    assert someone.post(f"conversations/{talk.id}/messages/{id}/acknowledge", {}).status_code == 404


def test_a_message_of_another_conversation_does_not_exist_here(night: Night, talk: Talk) -> None:
    assert night.brandt.post(f"conversations/{talk.id}/messages/{uuid4()}/acknowledge", {}).status_code == 404
