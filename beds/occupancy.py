"""What a bed is, of all that was told about it.

Invariant: ``standing`` depends on what was told alone, never on the order it arrived in: late, early and doubled messages lead to the same
bed. What is undone is as if it had never been told: a bed given to a second patient by mistake goes back to the first. No Django.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    ADMITTED = "admitted"
    LEFT = "left"  # for another bed
    CAME = "came"  # from another bed
    DISCHARGED = "discharged"
    BACK = "back"  # the patient is in it again: a discharge or a transfer did not take place
    STATUS = "status"
    SEEN = "seen"  # by hand, or before anything was told
    ADMISSION_UNDONE = "undo-admit"
    TRANSFER_UNDONE = "undo-came"


STATUS_OF: Final = {Kind.ADMITTED: "O", Kind.CAME: "O", Kind.BACK: "O", Kind.LEFT: "U", Kind.DISCHARGED: "H"}
UNDOING: Final = frozenset({Kind.ADMISSION_UNDONE, Kind.TRANSFER_UNDONE})
# Who lies in a bed is not a matter of these.
_BESIDE: Final = frozenset({Kind.STATUS, Kind.SEEN})
# Of one second: whoever goes makes room for whoever comes.
_RANK: Final = {Kind.LEFT: 0, Kind.DISCHARGED: 0, Kind.STATUS: 1} | dict.fromkeys(UNDOING, 3)


@dataclass(frozen=True, slots=True)
class Fact:
    """``at``: when it was so; for an undoing, when it was undone. ``told_at``: when the sender wrote it down, ``sent_at``: when it spoke.

    ``status`` is of v2-0116, empty for an undoing. ``undoes_from`` and ``undoes_until`` bound the time of what is undone, where the sender
    names it.
    """

    kind: Kind
    at: datetime
    told_at: datetime
    sent_at: datetime
    status: str = ""
    undoes_from: datetime | None = None
    undoes_until: datetime | None = None


def standing(facts: Iterable[Fact]) -> Fact | None:
    """What counts of ``facts``; ``None``: none of them."""
    told: dict[tuple[object, ...], Fact] = {}
    for fact in sorted(facts, key=_order):
        # Told twice, under whatever number, it is so once: or a second cancel would go on to the patient before.
        told.setdefault((fact.kind, fact.at, fact.told_at, fact.status, fact.undoes_from), fact)
    stand: list[Fact] = []
    for fact in told.values():
        if fact.kind not in UNDOING:
            stand.append(fact)
        elif (place := _undone(fact, stand)) is not None:
            del stand[place]
    return stand[-1] if stand else None


def _order(fact: Fact) -> tuple[datetime, datetime, datetime, int, str]:
    return fact.at, fact.told_at, fact.sent_at, _RANK.get(fact.kind, 2), fact.status


def _undone(undoing: Fact, stand: list[Fact]) -> int | None:
    """Where what is undone stands. The last coming of a patient, where nothing is said or it came by another way than that."""
    newest = next((place for place in reversed(range(len(stand))) if stand[place].kind not in _BESIDE), None)
    meant = {Kind.ADMITTED} if undoing.kind == Kind.ADMISSION_UNDONE else {Kind.CAME}
    others = {Kind.CAME, Kind.BACK} if undoing.kind == Kind.ADMISSION_UNDONE else set()
    if undoing.undoes_from is None or undoing.undoes_until is None:
        return newest if newest is not None and stand[newest].kind in meant | others else None
    for place in reversed(range(len(stand))):
        if stand[place].kind in meant and undoing.undoes_from <= stand[place].at < undoing.undoes_until:
            return place
    # Somebody else's coming must not be undone: only one by another way, after the time named.
    is_it = newest is not None and stand[newest].kind in others and stand[newest].at >= undoing.undoes_from
    return newest if is_it else None
