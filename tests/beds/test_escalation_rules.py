"""Which alarm comes when: the pure rules."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from beds.escalation import Failure, How, Seen, Step, Whom, follows_at_once, outcome, step_at, steps_for

CONSULTANT = uuid4()
FIRST, SECOND = Step(120, None, Whom.HOLDER, How.PUSH), Step(300, CONSULTANT, Whom.ELIGIBLE, How.ALARM)
NOW = datetime(2026, 11, 24, 2, 14, tzinfo=UTC)


def row(variant, step):
    return SimpleNamespace(variant=variant, wait=step.wait, target_role_id=step.target, whom=step.whom.value, how=step.how.value)


@pytest.mark.parametrize(
    ("urgency", "chain"), [("stat", (SECOND,)), ("asap", (SECOND,)), ("urgent", (FIRST, SECOND)), ("routine", (FIRST, SECOND))]
)
def test_the_important_chain_is_for_what_is_important(urgency, chain):
    rows = [row("normal", FIRST), row("normal", SECOND), row("important", SECOND)]

    assert steps_for(rows, urgency) == chain


@pytest.mark.parametrize("urgency", ["stat", "asap", "urgent", "routine"])
def test_without_an_important_chain_the_normal_one_is_for_all(urgency):
    assert steps_for([row("normal", FIRST)], urgency) == (FIRST,)


def test_an_important_chain_alone_is_not_for_what_can_wait():
    assert steps_for([row("important", FIRST)], "routine") == ()


@pytest.mark.parametrize(("position", "step"), [(1, FIRST), (2, SECOND), (3, SECOND), (5, SECOND), (6, SECOND)])
def test_a_chain_at_its_end_repeats_its_last_step(position, step):
    assert step_at((FIRST, SECOND), position, within=900) == step


@pytest.mark.parametrize("position", [1, 2, 6])
def test_without_a_chain_the_asked_role_is_alarmed_after_each_wait(position):
    assert step_at((), position, within=900) == Step(900, None, Whom.HOLDER, How.PUSH)


@pytest.mark.parametrize(("steps", "at_once"), [((), []), ((FIRST,), [1]), ((FIRST, SECOND), [1, 2])])
def test_a_new_step_follows_a_failure_at_once_and_a_repetition_does_not(steps, at_once):
    assert [position for position in range(1, 7) if follows_at_once(steps, position)] == at_once


@pytest.mark.parametrize(
    ("seen", "after", "expected"),
    [
        (Seen(False, False, None), 0, Failure.NOBODY_ON_DUTY),
        (Seen(True, True, None), 29, None),
        (Seen(True, False, None), 29, None),  # the app may be open: it fetches without a push
        (Seen(True, True, None), 30, Failure.NOT_REACHED),
        (Seen(True, False, None), 30, Failure.NO_DEVICE),
        (Seen(True, True, NOW), 0, NOW),
        (Seen(True, True, NOW + timedelta(seconds=40)), 60, NOW + timedelta(seconds=40)),
        (Seen(True, True, NOW - timedelta(seconds=1)), 0, None),  # a push of before
        (Seen(True, True, NOW - timedelta(seconds=1)), 30, Failure.NOT_REACHED),
    ],
)
def test_the_outcome_of_an_alarm(seen, after, expected):
    assert outcome(seen, raised_at=NOW, now=NOW + timedelta(seconds=after)) == expected
