"""For every action of the table: the side that may, the colleague who may not, and those for whom it does not exist."""

from uuid import uuid4

import pytest

from beds.transitions import STEPS, Side
from tests.beds.asking import BEFORE, DETAILS, ORIGIN

ACTIONS = sorted(BEFORE)


@pytest.fixture(params=ACTIONS)
def ready(request, ward):
    """A candidate at uni in which the action may be taken, and the action."""
    return ward.asks("uni").at("uni", *BEFORE[request.param]), request.param


def test_the_tests_cover_every_action_of_people():
    # To the hospital that is not asked yet ``submit`` does not exist: test_waves.
    assert {"submit", *BEFORE} == {name for name, step in STEPS.items() if step.by != Side.CLOCK}
    assert {name for name, step in STEPS.items() if step.by == Side.ORIGIN} == ORIGIN


def test_the_side_that_may_does(ready):
    asked, action = ready

    answer = asked.take("uni", action)

    assert (answer.status_code, answer.json()["state"]) == (200, STEPS[action].target.value)
    assert asked.history("uni")[-1] == action
    assert asked.audited("uni")[-1].action == f"beds.{action.replace('-', '_')}"
    assert len(asked.audited("uni")) == len(asked.history("uni")) + 1  # and the asking itself


def test_the_other_side_does_not(night, ready):
    asked, action = ready
    before = asked.states()

    answer = asked.take("uni", action, by=night.brandt if action in ORIGIN else night.adler)

    assert (answer.status_code, answer.json()["code"]) == (403, "request.not_yours" if action in ORIGIN else "role.not_on_duty")
    assert asked.states() == before


def test_a_colleague_without_the_duty_may_look_and_not_act(night, ready):
    asked, action = ready
    before, colleague = asked.states(), night.conrad if action in ORIGIN else night.dorn

    answer = asked.take("uni", action, by=colleague)

    assert answer.status_code == 403
    assert asked.states() == before
    [seen] = colleague.get(f"requests/{asked.id}").json()["candidates"]
    assert seen["actions"] == []


def test_for_those_outside_it_does_not_exist(night, ready):
    """``north`` is a partner that was not asked."""
    asked, action = ready
    before = asked.states()
    outside = {"outsider": 404, "north": 404, "former_colleague": 401, "revoked_device": 401, "anonymous": 401, "pending": 403}

    answers = {who: asked.take("uni", action, by=night.person(who)) for who in outside}

    assert {who: answer.status_code for who, answer in answers.items()} == outside
    for who in ("outsider", "north"):
        unknown = night.person(who).post(f"candidates/{uuid4()}/{action}", DETAILS.get(action))
        assert answers[who].json() == unknown.json()
    assert asked.states() == before


def test_from_any_other_state_it_is_refused_with_the_present_one(ready):
    asked, action = ready
    asked.at("uni", action)

    answer = asked.take("uni", action)

    assert answer.status_code == 409
    assert answer.json()["state"] == asked.states()["uni"]
    assert asked.history("uni").count(action) == 1 + BEFORE[action].count(action)


def test_a_retry_with_its_key_is_answered_and_not_repeated(ready):
    asked, action = ready
    key = uuid4()

    first, second = asked.take("uni", action, key=key), asked.take("uni", action, key=key)

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert asked.history("uni").count(action) == 1 + BEFORE[action].count(action)


def test_the_key_is_good_for_one_body(ready):
    asked, action = ready
    key = uuid4()
    asked.take("uni", action, key=key)

    answer = asked.take("uni", action, key=key, hold_minutes=60)

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency.key_reused")


@pytest.mark.parametrize("action", sorted(name for name in BEFORE if STEPS[name].reasons))
@pytest.mark.parametrize("reason", ["", "because", "other-hospital-confirmed"])
def test_an_end_needs_a_reason_of_its_own_list(ward, action, reason):
    asked = ward.asks("uni").at("uni", *BEFORE[action])
    before = asked.states()

    answer = asked.take("uni", action, reason=reason)

    assert (answer.status_code, answer.json()["code"]) == (400, "reason.unknown")
    assert asked.states() == before


@pytest.mark.parametrize("action", sorted(name for name in BEFORE if not STEPS[name].reasons))
def test_where_no_reason_belongs_none_is_taken(ward, action):
    asked = ward.asks("uni").at("uni", *BEFORE[action])

    answer = asked.take("uni", action, reason="Frau Muster, Zimmer 4")

    assert (answer.status_code, answer.json()["code"]) == (400, "reason.unknown")


@pytest.mark.parametrize("action", ["expire", "give-up", "ask-next", "drop", "promise"])
def test_the_clocks_steps_are_nobodys(night, ward, action):
    asked = ward.asks("uni")

    assert asked.take("uni", action, by=night.brandt).status_code == 404
    assert asked.states() == {"uni": "submitted"}


def test_after_a_take_over_the_successor_acts_and_the_predecessor_no_longer(night, ward):
    asked = ward.asks("uni").at("uni", "acknowledge")
    ward.take_over(night.uni.role, night.dorn)

    former, present = asked.take("uni", "hold", by=night.brandt), asked.take("uni", "hold", by=night.dorn)

    assert (former.status_code, present.status_code) == (403, 200)


def test_the_holder_of_the_requests_role_decides_for_the_requester(night, ward):
    asked = ward.asks("uni", role=night.kreis.role).at("uni", "acknowledge", "hold")
    ward.take_over(night.kreis.role, night.conrad)

    answer = asked.take("uni", "confirm", by=night.conrad)

    assert answer.status_code == 200
    assert asked.audited("uni")[-1].role == night.kreis.role.id
