"""Every action that the product has: an AuditEvent of its own pattern that the validators accept, and words for whoever reads the log.

An action that is new fails here until it has both.
"""

import json
import re
from itertools import product
from uuid import UUID, uuid4

import pytest

from audit.events import SYSTEM, Agent, Event, Outcome
from audit.exports.balp import PATTERNS
from tests.audit.actions import ROOT, all_actions
from tests.audit.test_fhir import OWN, THEIRS, an_event, follows_balp, is_valid, resource_of

SOMEBODY = Agent(person=uuid4(), hospital=OWN, role=uuid4(), device=uuid4(), profession="physician", method="passkey")
CASE = {"request": uuid4(), "candidate": uuid4()}
AGENTS: list[Agent | None] = [SOMEBODY, SYSTEM, None]
SUBJECTS: list[dict[str, UUID]] = [CASE, {"device": uuid4()}, {}]
OUTCOMES: list[Outcome] = ["success", "refused", "failed"]


def offered() -> set[str]:
    """What the filter of the auditor's screens knows."""
    text = (ROOT / "web/src/features/auditor/actions.ts").read_text(encoding="utf-8")
    listed = text[text.index("ACTIONS:") : text.index("};")]
    return {
        f"{part}.{verb}" for part, verbs in re.findall(r"(\w+): \[(.*?)\]", listed, re.DOTALL) for verb in re.findall(r'"(\w+)"', verbs)
    }


def test_every_action_has_a_pattern_and_no_pattern_is_of_an_action_that_is_gone() -> None:
    assert len(all_actions()) > 100
    assert set(all_actions()) == PATTERNS.keys()


@pytest.mark.parametrize("action", all_actions())
def test_it_is_an_audit_event(action: str) -> None:
    """Whoever did it, about whatever, however it went."""
    profile, detail = PATTERNS[action].value.profile, {"code": "x", "codes": ["a", "b"]}
    for agent, subjects, outcome in product(AGENTS, SUBJECTS, OUTCOMES):
        resource = resource_of(Event(action, agent, [OWN], outcome=outcome, subjects=subjects, detail=detail))
        is_valid(resource)
        about = "Patient" if subjects is CASE else ""
        assert follows_balp(resource) == (f"{about}{profile}" if profile and outcome == "success" else None)


@pytest.mark.parametrize("action", all_actions())
def test_so_it_is_when_it_reached_another_hospital(action: str) -> None:
    for by in (OWN, THEIRS):
        resource = resource_of(Event(action, Agent(person=uuid4(), hospital=by), [OWN, THEIRS], subjects=CASE))
        is_valid(resource)
        follows_balp(resource)


def test_an_action_nobody_knows_claims_nothing() -> None:
    """An old log may have one."""
    resource = resource_of(an_event("beds.create_something"))
    is_valid(resource)
    assert follows_balp(resource) is None


def test_the_auditor_can_ask_for_each_and_for_none_that_is_not() -> None:
    assert offered() == set(all_actions())


@pytest.mark.parametrize("language", ["de", "en"])
def test_each_has_words(language: str) -> None:
    words = json.loads((ROOT / "web/messages" / f"{language}.json").read_text(encoding="utf-8"))
    spoken = {action: (f"act_{action.replace('.', '_')}", f"act_any_{action.partition('.')[2]}") for action in all_actions()}
    assert [action for action, names in spoken.items() if not any(words.get(name) for name in names)] == []
