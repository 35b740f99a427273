"""Which alarm comes when, if nobody acknowledges (docs/life-of-a-bed-request.md, Clocks).

Invariant: a candidate is alarmed at most ``ESCALATIONS_AT_MOST`` times after the asking itself. What is next follows from three things
alone: the chain as it stands now, how many alarms there were, and the urgency. It imports nothing of Django: the clock, the screens and
the tests read the same functions.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID


class Variant(StrEnum):
    NORMAL = "normal"
    IMPORTANT = "important"  # for ``stat`` and ``asap``, where the role has one


class Whom(StrEnum):
    HOLDER = "holder"  # who has the role now
    ELIGIBLE = "eligible"  # everybody who may have it


class How(StrEnum):
    PUSH = "push"
    ALARM = "alarm"  # over the whole screen, and never held back by quiet hours


class Failure(StrEnum):
    NOBODY_ON_DUTY = "nobody-on-duty"
    NO_DEVICE = "no-device"  # nobody behind the role has a phone that takes pushes
    NOT_REACHED = "not-reached"


STEPS_AT_MOST = 5
WAIT_AT_LEAST, WAIT_AT_MOST = 30, 24 * 60 * 60  # seconds
REACHED_WITHIN = timedelta(seconds=30)
IMPORTANT = frozenset({"stat", "asap"})


class Step(NamedTuple):
    """Wait so many seconds since the step before, then alarm ``target`` (null: the role that was asked)."""

    wait: int
    target: UUID | None
    whom: Whom
    how: How


class StoredStep(Protocol):
    """A row of ``beds.chains.EscalationStep``; a role's rows come in the order of their positions."""

    variant: str
    wait: int
    target_role_id: UUID | None
    whom: str
    how: str


class Seen(NamedTuple):
    """What can be known of an alarm's arrival: is anybody behind the role, with a phone, and when did a push service last take a push."""

    is_manned: bool
    has_device: bool
    taken_at: datetime | None


def step_of(row: StoredStep) -> Step:
    return Step(row.wait, row.target_role_id, Whom(row.whom), How(row.how))


def steps_for(rows: Iterable[StoredStep], urgency: str) -> tuple[Step, ...]:
    """The chain for an urgency: the important one where it is meant and there is one. Empty: the role has none."""
    chains: dict[str, list[Step]] = {Variant.NORMAL: [], Variant.IMPORTANT: []}
    for row in rows:
        chains[row.variant].append(step_of(row))
    is_important = urgency in IMPORTANT and chains[Variant.IMPORTANT]
    return tuple(chains[Variant.IMPORTANT if is_important else Variant.NORMAL])


def step_at(steps: Sequence[Step], position: int, *, within: int) -> Step:
    """The step at ``position`` (from 1). A chain that has come to its end repeats its last step; without one the asked role is alarmed
    again after each wait of ``within`` seconds.
    """
    return steps[min(position, len(steps)) - 1] if steps else Step(within, None, Whom.HOLDER, How.PUSH)


def follows_at_once(steps: Sequence[Step], position: int) -> bool:
    """Whether the step at ``position`` is due when the alarm before it failed. A repetition is not: it would fail like the first."""
    return position <= len(steps)


def outcome(seen: Seen, *, raised_at: datetime, now: datetime) -> Failure | datetime | None:
    """When the alarm arrived, or why it did not; ``None``: it may still."""
    if not seen.is_manned:
        return Failure.NOBODY_ON_DUTY
    if seen.taken_at is not None and seen.taken_at >= raised_at:
        return seen.taken_at
    if now < raised_at + REACHED_WITHIN:
        return None
    return Failure.NOT_REACHED if seen.has_device else Failure.NO_DEVICE
