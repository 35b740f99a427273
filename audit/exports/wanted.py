"""What of a log is asked for.

Invariant: a filter chooses among the rows of the searchable index and can never add to a log; what it leaves out of a bundle stays there as
a hash.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that is given has to hold. ``agents`` are pseudonyms, ``subjects`` pseudonymous ids of which one has to be there, ``actions``
    whole actions (``beds.confirm``) or parts (``beds.``). ``until`` itself is out."""

    since: datetime | None = None
    until: datetime | None = None
    agents: tuple[UUID, ...] = ()
    subjects: tuple[UUID, ...] = ()
    actions: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON has it; what is not asked for is left out."""
        moments = {name: moment.isoformat() for name, moment in (("since", self.since), ("until", self.until)) if moment is not None}
        ids = {name: [str(one) for one in found] for name, found in (("agents", self.agents), ("subjects", self.subjects)) if found}
        texts = {name: list(found) for name, found in (("actions", self.actions), ("outcomes", self.outcomes)) if found}
        return {**moments, **ids, **texts}

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "Wanted":
        return cls(
            since=datetime.fromisoformat(plain["since"]) if "since" in plain else None,
            until=datetime.fromisoformat(plain["until"]) if "until" in plain else None,
            agents=tuple(map(UUID, plain.get("agents", ()))),
            subjects=tuple(map(UUID, plain.get("subjects", ()))),
            actions=tuple(plain.get("actions", ())),
            outcomes=tuple(plain.get("outcomes", ())),
        )

    def is_everything(self) -> bool:
        return self == Wanted()

    def condition(self) -> tuple[str, dict[str, Any]]:
        """SQL over ``audit_index`` and its parameters (all begin with ``wanted_``)."""
        given = {
            "wanted_since": ("audit_index.at >= %(wanted_since)s", self.since),
            "wanted_until": ("audit_index.at < %(wanted_until)s", self.until),
            "wanted_agents": ("audit_index.agent = ANY(%(wanted_agents)s)", list(self.agents)),
            "wanted_subjects": ("audit_index.subjects && %(wanted_subjects)s", list(self.subjects)),
            "wanted_actions": (
                "(audit_index.action = ANY(%(wanted_actions)s) OR split_part(audit_index.action, '.', 1) || '.' = ANY(%(wanted_actions)s))",
                list(self.actions),
            ),
            "wanted_outcomes": ("audit_index.outcome = ANY(%(wanted_outcomes)s)", list(self.outcomes)),
        }
        chosen = {name: pair for name, pair in given.items() if pair[1]}
        return " AND ".join(text for text, _ in chosen.values()) or "true", {name: value for name, (_, value) in chosen.items()}
