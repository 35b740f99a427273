"""Whether everybody is shown the same statements (section 4.1).

Invariant: a log of statements only grows. What was once seen of it, here or by somebody one talks with, must still be there; where it is
not, the hospital is in ``trouble`` and nothing new is sealed to its principals until a person has compared and accepted. A head that is
late troubles nobody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.notes import LogKey, SignedHead, parse_note, verify_head
from wardline_client.protocol.tree import Tree

LATE_SECONDS: Final = 600


class Head(NamedTuple):
    """Size and root of a log, to be compared by people too."""

    size: int
    root: bytes


class Trouble(NamedTuple):
    """``code`` is ``directory.rolled_back``, ``directory.split`` or ``directory.withheld``; ``by`` the person who was shown ``shown``,
    ``None``: it is what the service shows here."""

    code: str
    mine: Head
    shown: Head
    by: UUID | None = None


class Warned(NamedTuple):
    """What a person should know and what stops nothing: ``directory.key_changed``, ``directory.disputed``,
    ``directory.unsigned``, ``directory.not_stated`` (one's own statement is not shown)."""

    code: str
    hospital: UUID
    by: UUID | None = None


class Claim(NamedTuple):
    """A head that somebody has verified, as their signed epoch says."""

    head: SignedHead
    by: UUID


@dataclass
class Log:
    """One hospital's. ``known``: what had been seen when this was last kept; ``signed``: the newest head that the service signed and that
    fits."""

    tree: Tree = field(default_factory=Tree)
    known: Head | None = None
    signed: SignedHead | None = None
    offered: SignedHead | None = None
    claims: list[Claim] = field(default_factory=list)
    lasting: Trouble | None = None
    passing: Trouble | None = None
    has_gap: bool = False
    stated: set[bytes] = field(default_factory=set)
    late_since: float | None = None

    @property
    def head(self) -> Head:
        return Head(len(self.tree), self.tree.root)

    def at(self, size: int) -> Head:
        return Head(size, self.tree.root_at(size))


class Watching:
    """The logs of the own hospital and its partners, and the key their heads are signed with (the first one seen)."""

    def __init__(self, own: UUID, key: LogKey | None = None, logs: Mapping[UUID, Log] | None = None) -> None:
        self._own = own
        self.key = key
        self.logs = dict(logs or {})
        self.warned: set[Warned] = set()

    def log(self, hospital: UUID) -> Log:
        return self.logs.setdefault(hospital, Log())

    def take(self, hospital: UUID, place: int, leaf: bytes) -> bool:
        """A leaf as the service shows it. ``False``: those before it are not here, and have to be fetched."""
        log = self.log(hospital)
        if place > len(log.tree):
            log.has_gap = True
            return False
        if place == len(log.tree):
            log.tree.append(leaf)
        elif log.tree.leaves[place] != leaf:
            self._last(log, Trouble("directory.split", log.at(place + 1), Head(place + 1, leaf)))
        return True

    def gaps(self) -> list[UUID]:
        """Whose leaves have to be fetched from the first on; what is still missing at ``settle`` was withheld."""
        found = [hospital for hospital, log in self.logs.items() if log.has_gap]
        for hospital in found:
            self.logs[hospital].has_gap = False
        return found

    def expect(self, leaf: bytes) -> None:
        """A statement of one's own, which the service has taken: it must be in what it shows from now on."""
        self.log(self._own).stated.add(leaf)

    def sign(self, hospital: UUID, note: str, public: bytes) -> None:
        """A head as the service shows it; judged by ``settle``. One that the known key did not sign counts for nothing and is warned of."""
        log = self.log(hospital)
        try:
            head, key = parse_note(note, hospital, public)
        except ProtocolError:
            self.warned.add(Warned("directory.key_changed", hospital))
            return
        self.key = self.key or key
        if key != self.key:
            self.warned.add(Warned("directory.key_changed", hospital))
            return
        former = log.offered or log.signed
        if former and head.size < former.size:
            self._last(log, Trouble("directory.rolled_back", Head(former.size, former.root), Head(head.size, head.root)))
        elif former and head.size == former.size and head.root != former.root:
            self._last(log, Trouble("directory.split", Head(former.size, former.root), Head(head.size, head.root)))
        else:
            log.offered = head

    def hear(self, heads: Iterable[SignedHead], by: UUID) -> bool:
        """What somebody one talks with has verified. ``True``: of some log more than is known here, so look before ``settle``."""
        is_news = False
        for head in heads:
            log = self.logs.get(head.hospital)
            if log is None or self.key is None or not len(log.tree):
                continue
            try:
                verify_head(head, self.key)
            except ProtocolError:
                # Anybody may say anything: only what the service's own key signed is evidence against the service.
                if head.size > len(log.tree) or log.tree.root_at(head.size) != head.root:
                    self.warned.add(Warned("directory.disputed", head.hospital, by))
                continue
            if log.signed and (log.signed.size, log.signed.root) == (head.size, head.root):
                continue
            if Claim(head, by) not in log.claims:
                log.claims.append(Claim(head, by))
            is_news = is_news or head.size > len(log.tree)
            self._compare(log, is_whole=False)
        return is_news

    def settle(self, now: float) -> None:
        """Judge, once everything the service shows has been taken. ``now`` in seconds of any steady clock."""
        for hospital, log in self.logs.items():
            log.passing = None
            # A partner that is one no longer is not shown at all.
            if not len(log.tree) and hospital != self._own:
                continue
            self._compare(log, is_whole=True)
            self._note_late(hospital, log, now)
            log.stated -= set(log.tree.leaves)
            if log.stated:
                self.warned.add(Warned("directory.not_stated", hospital))

    def _compare(self, log: Log, *, is_whole: bool) -> None:
        size = len(log.tree)
        if is_whole and log.known:
            if size < log.known.size:
                log.passing = Trouble("directory.rolled_back", log.known, log.head)
                return
            self._fits(log, log.known, None)
            log.known = None
        if is_whole and log.offered:
            self._judge(log, log.offered, None)
            if log.passing is None and log.lasting is None:
                log.signed, log.offered = log.offered, None
        if is_whole and log.has_gap:
            log.passing = log.passing or Trouble("directory.withheld", log.head, log.head)
        for claim in list(log.claims):
            if claim.head.size <= size or is_whole:
                self._judge(log, claim.head, claim.by)
            if claim.head.size <= size:
                log.claims.remove(claim)

    def _judge(self, log: Log, head: SignedHead, by: UUID | None) -> None:
        if head.size > len(log.tree):
            log.passing = Trouble("directory.withheld", log.head, Head(head.size, head.root), by)
        else:
            self._fits(log, Head(head.size, head.root), by)

    def _fits(self, log: Log, head: Head, by: UUID | None) -> None:
        if log.at(head.size) != head:
            self._last(log, Trouble("directory.split", log.at(head.size), head, by))

    def _last(self, log: Log, trouble: Trouble) -> None:
        log.lasting = log.lasting or trouble

    def _note_late(self, hospital: UUID, log: Log, now: float) -> None:
        late = Warned("directory.unsigned", hospital)
        if log.signed and log.signed.size >= len(log.tree):
            log.late_since = None
            self.warned.discard(late)
            return
        log.late_since = now if log.late_since is None else log.late_since
        if now - log.late_since > LATE_SECONDS:
            self.warned.add(late)

    def trouble(self, hospital: UUID) -> Trouble | None:
        log = self.logs.get(hospital)
        return (log.lasting or log.passing) if log else None

    def check(self, hospital: UUID) -> None:
        """Raises ``directory.rolled_back``, ``directory.split`` or ``directory.withheld``."""
        if trouble := self.trouble(hospital):
            raise ProtocolError(trouble.code, f"hospital {hospital}")

    def heads_of(self, hospitals: Iterable[UUID]) -> tuple[SignedHead, ...]:
        """The verified heads to name in an epoch's header."""
        found = [log.signed for hospital in set(hospitals) if (log := self.logs.get(hospital)) and log.signed]
        return tuple(sorted(found, key=lambda head: str(head.hospital)))

    def accept(self, hospital: UUID) -> None:
        """A person has compared and believes what the service shows now: begin anew with it, from the first leaf."""
        self.logs.pop(hospital, None)

    def restart(self) -> None:
        """Everything is fetched once more: what had been seen must come again."""
        for log in self.logs.values():
            log.known, log.tree = log.head if len(log.tree) else log.known, Tree()
