"""The table: no way around it, no state without an exit or an end, and the page that explains it says the same."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beds.models import Urgency
from beds.transitions import (
    ACKNOWLEDGE_WITHIN,
    COMMITTED,
    ESCALATIONS_AT_MOST,
    OPEN,
    OTHER_CONFIRMED,
    STEPS,
    TERMINAL,
    Side,
    State,
    actions_for,
)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "life-of-a-bed-request.md").read_text(encoding="utf-8")


def rows_under(header):
    """The rows of the page's table with this header, as tuples of cells."""
    table = PAGE.split(header, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [tuple(cell.strip().strip("`") for cell in row.strip("|").split("|")) for row in table]


def test_the_page_shows_the_table_as_it_is():
    shown = {action: (sources, by, to) for action, sources, by, to in rows_under("| action | from | by | to |")}

    assert shown == {name: (", ".join(sorted(step.sources)), step.by.value, step.target.value) for name, step in STEPS.items()}


def test_the_page_names_every_reason():
    assert dict(rows_under("| action | reasons |")) == {
        name: ", ".join(sorted(step.reasons)) for name, step in STEPS.items() if step.reasons
    }


def test_the_page_names_the_clocks():
    assert dict(rows_under("| urgency | seconds to acknowledge |")) == {name: str(wait) for name, wait in ACKNOWLEDGE_WITHIN.items()}
    assert f"after {ESCALATIONS_AT_MOST} it ends as `no-response`" in PAGE


def test_the_diagram_draws_no_step_that_is_not_in_the_table():
    drawn = re.findall(r"^ +(\w+) --> (\w+): ([a-z-]+)", PAGE.split("```mermaid")[1].split("```")[0], re.M)
    drawn = {(source.replace("_", "-"), to.replace("_", "-"), action) for source, to, action in drawn if action != "request"}
    table = {(source.value, step.target.value, name) for name, step in STEPS.items() for source in step.sources}

    assert drawn == {row for row in table if row[2] not in ("withdraw", "cancel", "part")}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12))
def test_whatever_is_tried_the_path_ends_in_an_end_or_goes_on(attempts):
    """A random walk: what the table refuses changes nothing; after an end nothing moves; a commitment comes from a hold alone."""
    state, path = State.DRAFT, []
    for action in attempts:
        before = state
        if state in STEPS[action].sources:
            state = STEPS[action].target
            path.append(state)
        assert before not in TERMINAL or state == before
    assert State.HELD in path or not COMMITTED.intersection(path)
    assert State.CONFIRMED in path or State.IN_TRANSIT not in path
    assert State.IN_TRANSIT in path or State.ARRIVED not in path


@pytest.mark.parametrize("state", sorted(State))
def test_every_state_can_be_reached_and_left_or_is_an_end(state):
    assert state == State.DRAFT or any(step.target == state for step in STEPS.values())
    exits = actions_for(state, frozenset(Side))
    assert (not exits) == (state in TERMINAL)


def test_the_groups_cover_all_states():
    assert set(State) == {State.DRAFT} | OPEN | COMMITTED | TERMINAL
    assert State.DRAFT not in OPEN | COMMITTED | TERMINAL
    assert not OPEN & COMMITTED
    assert not OPEN & TERMINAL


def test_the_destination_alone_says_that_the_patient_arrived():
    assert [step.by for step in STEPS.values() if step.target == State.ARRIVED] == [Side.DESTINATION]


def test_every_urgency_has_its_clock():
    assert set(ACKNOWLEDGE_WITHIN) == set(Urgency.values)
    assert OTHER_CONFIRMED in STEPS["withdraw"].reasons
