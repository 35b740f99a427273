"""Acknowledging, asking back, answering: before anything is promised."""

import pytest
from django.db import transaction

from backend.errors import Conflict
from beds import access
from beds.services.stepping import move
from beds.services.telling import mover
from tests.beds.asking import BEFORE


def test_brandt_takes_the_request_on(night, ward):
    asked = ward.asks("uni", "nord")

    answer = asked.take("uni", "acknowledge")

    assert answer.status_code == 200
    assert answer.json()["state"] == "acknowledged"
    assert answer.json()["actions"] == ["request-info", "hold", "decline"]
    assert asked.states() == {"uni": "acknowledged", "nord": "submitted"}
    assert asked.history("uni") == ["acknowledge"]


def test_the_log_names_the_person_behind_the_role_for_both_hospitals(night, ward):
    asked = ward.asks("uni").at("uni", "acknowledge")

    event = asked.audited("uni")[-1]

    assert event.action == "beds.acknowledge"
    assert (event.agent, event.role) == (night.brandt.pseudonym, night.uni.role.id)
    assert event.hospitals == {night.kreis.id, night.uni.id}


def test_a_question_goes_back_and_forth(night, ward):
    asked = ward.asks("uni").at("uni", *BEFORE["answer-info"])
    assert night.adler.get(f"requests/{asked.id}").json()["candidates"][0]["actions"][0] == "answer-info"

    asked.at("uni", "answer-info", "request-info", "answer-info")

    assert asked.states() == {"uni": "acknowledged"}
    assert asked.history("uni") == ["acknowledge", "request-info", "answer-info", "request-info", "answer-info"]


def test_of_two_who_answer_at_once_one_is_first(night, ward):
    asked = ward.asks("uni")

    answers = night.at_once(
        night.brandt.posting(asked.url("uni", "acknowledge")),
        night.brandt.posting(asked.url("uni", "decline"), {"reason": "no-bed"}),
    )

    codes = sorted(answer.status_code for answer in answers)
    assert codes in ([200, 409], [200, 200])
    # Both in a row is a legal path (acknowledge, then decline); declined and acknowledged at once is none.
    assert len(asked.history("uni")) == codes.count(200)
    assert asked.states()["uni"] == asked.row("uni").transitions.last().target


def test_the_loser_learns_the_present_state(night, ward):
    asked = ward.asks("uni").at("uni", "decline")

    answer = asked.take("uni", "acknowledge")

    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "candidate.wrong_state", "declined")
    assert asked.history("uni") == ["decline"]


def test_what_others_moved_since_it_was_read_is_not_moved(night, ward):
    """There and back again: the state is the same, the case is not. The version tells them apart."""
    asked = ward.asks("uni").at("uni", "acknowledge")
    read_before = access.candidate_of(night.brandt.actor(), asked["uni"])
    asked.at("uni", "request-info", "answer-info")

    with pytest.raises(Conflict, match=r"candidate\.wrong_state"), transaction.atomic():
        move(read_before.request, read_before, "decline", by=mover(night.brandt.actor(), night.uni.role.id), reason="no-bed")

    assert asked.states() == {"uni": "acknowledged"}
