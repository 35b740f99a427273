"""Read a bundle (format ``wardline-audit/1``, docs/audit-log.md) line by line and judge it.

Invariant: the worst finding is the verdict. *Intact* means: signed by the brought key, every leaf up to the signed size is here, its hashes
make the signed root, and the earlier checkpoint, if one was brought, lies on the way there. Memory does not grow with the log.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from wardline_verify.beside import Beside
from wardline_verify.notes import Checkpoint, Key, Policy, Untrue, Unusable
from wardline_verify.tree import Tree, leaf_hash

FORMAT = "wardline-audit/1"
AT_MOST = 20  # findings of a kind: the first ones tell, and memory stays what it is
OUTCOMES = ("success", "refused", "failed")


class Verdict(IntEnum):
    """The exit code. Worse findings win, in the order of ``_WEIGHT``."""

    INTACT = 0
    TAMPERED = 1
    INCOMPLETE = 2
    ERASED = 3
    UNUSABLE = 4


_WEIGHT = {Verdict.INTACT: 0, Verdict.ERASED: 1, Verdict.INCOMPLETE: 2, Verdict.UNUSABLE: 3, Verdict.TAMPERED: 4}


@dataclass
class Report:
    """What was found. ``findings`` are ``(verdict, key of words.TEXTS, argument)``, ``checked`` the things that held."""

    findings: list[tuple[Verdict, str, str]] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    origin: str = ""
    size: int = 0
    checkpoint: str = ""
    first_at: str = ""
    last_at: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)
    withheld: int = 0
    erased: int = 0
    lines: int = 0  # of a FHIR or CSV export that are what the bundle says

    def find(self, verdict: Verdict, text: str, argument: object = "") -> None:
        if sum(known == text for _, known, _ in self.findings) < AT_MOST:
            self.findings.append((verdict, text, str(argument)))

    def find_line(self, text: str, place: object) -> None:
        self.find(Verdict.TAMPERED if text == "other_line" else Verdict.INCOMPLETE, text, place)

    @property
    def verdict(self) -> Verdict:
        return max((finding[0] for finding in self.findings), key=_WEIGHT.__getitem__, default=Verdict.INTACT)


def judge(lines: Iterable[bytes], *, policy: Policy | None, saved: Checkpoint | None, events: Iterable[bytes] | None = None) -> Report:
    """Judge a bundle. Without ``policy`` the key in the bundle itself is believed: that shows damage, but not forgery. ``events``: a FHIR
    or CSV export of the same log, to be held against it."""
    report = Report()
    try:
        beside = None if events is None else Beside(events, report.find_line)
        _Reader(report, policy, saved, beside).read(iter(lines))
    except Unusable as error:
        report.find(Verdict.UNUSABLE, *error.args)
    return report


class _Reader:
    def __init__(self, report: Report, policy: Policy | None, saved: Checkpoint | None, beside: Beside | None) -> None:
        self.report, self.policy, self.saved, self.beside = report, policy, saved, beside
        self.tree = Tree()
        self.next_index = 0
        self.erased: set[str] = set()  # commitments that an event says cannot be opened any more
        self.unopened: Counter[str] = Counter()
        self.saved_root: bytes | None = None

    def read(self, lines: Iterable[bytes]) -> None:
        lines = iter(lines)
        checkpoint = self._head(_object(next(lines, b"")))
        self._remember()
        is_ended = False
        for line in lines:
            members = _cut_off_is_none(line)
            if members is None:
                break
            if is_ended:
                self.report.find(Verdict.TAMPERED, "after_end")
                break
            if "end" in members:
                is_ended = True
            elif not self._leaf(members, checkpoint):
                return
        self._close(checkpoint, is_ended)

    def _head(self, head: dict[str, Any]) -> Checkpoint:
        if head.get("format") != FORMAT:
            raise Unusable("bad_format", str(head.get("format")))
        note = _text(head, "checkpoint")
        checkpoint = Checkpoint.parse(note)
        self.report.origin, self.report.size, self.report.checkpoint = checkpoint.origin, checkpoint.size, note
        policy = self.policy or Policy(logs=[Key.parse(_text(head, "key"))])
        self._signed(policy, checkpoint)
        if self.saved:
            self._continues(policy, self.saved, checkpoint)
        return checkpoint

    def _signed(self, policy: Policy, checkpoint: Checkpoint) -> None:
        try:
            policy.check(checkpoint)
        except Untrue as error:
            self.report.find(Verdict.TAMPERED, *error.args)
        else:
            self.report.checked.append("signature")

    def _continues(self, policy: Policy, saved: Checkpoint, checkpoint: Checkpoint) -> None:
        try:
            policy.check(saved)
        except Untrue:
            raise Unusable("saved_not_signed", saved.origin) from None
        if saved.origin != checkpoint.origin:
            raise Unusable("saved_of_other_log", saved.origin)
        if saved.size > checkpoint.size:
            self.report.find(Verdict.TAMPERED, "shrunk", f"{saved.size} > {checkpoint.size}")

    def _leaf(self, members: dict[str, Any], checkpoint: Checkpoint) -> bool:
        """Take one leaf; ``False`` when nothing that follows could still make sense."""
        index = members.get("index")
        height = _height(members)
        count = 1 << height
        if type(index) is not int or index != self.next_index or self.next_index % count or self.next_index + count > checkpoint.size:
            self.report.find(Verdict.TAMPERED, "gap", f"{self.next_index} / {index}")
            return False
        if "leaf" in members:
            leaf = _bytes(members, "leaf")
            digest = leaf_hash(leaf)
            self.tree.add(digest)
            self._content(leaf, digest, members.get("openings", {}))
        else:
            digest = _bytes(members, "hash")
            if len(digest) != 32:
                raise Unusable("bad_line", str(index))
            self.tree.add(digest, height)
            self.report.withheld += count
            self._withheld(digest, count)
        self.next_index += count
        self._remember()
        return True

    def _withheld(self, digest: bytes, count: int) -> None:
        if self.beside and count == 1:
            self.beside.leaf(self.next_index, digest)
        elif self.beside:
            self.beside.stretch(self.next_index + count)

    def _remember(self) -> None:
        if self.saved and self.tree.size == self.saved.size:
            self.saved_root = self.tree.root()

    def _content(self, leaf: bytes, digest: bytes, openings: object) -> None:
        event = _event(leaf)
        if event is None or not isinstance(openings, dict):
            # Whether it was signed like this, the root says; what it says, nobody can tell.
            self.report.find(Verdict.UNUSABLE, "unreadable_leaf", self.next_index)
            return
        self.report.first_at, self.report.last_at = self.report.first_at or event["at"], event["at"]
        self.report.outcomes[event["outcome"] if event["outcome"] in OUTCOMES else "other"] += 1
        if event["action"] == "privacy.erased":
            self.erased.update(_named_erased(event))
        if self.beside:
            opening = openings.get("agent")
            self.beside.leaf(self.next_index, digest, event, _text(opening, "value") if isinstance(opening, dict) else None)
        for name, commitment in event["commitments"].items():
            self._opening(name, commitment, openings.get(name))

    def _opening(self, name: str, commitment: str, opening: object) -> None:
        """``SHA-256("wardline-audit/1 opening" 0x00 name 0x00 salt value)``, base64; salt 32 bytes."""
        if not isinstance(opening, dict):
            self.unopened[commitment] += 1
            return
        salt, value = _bytes(opening, "salt"), _text(opening, "value").encode()
        digest = hashlib.sha256(b"wardline-audit/1 opening\0" + name.encode() + b"\0" + salt + value).digest()
        if len(salt) != 32 or b64encode(digest).decode() != commitment:
            self.report.find(Verdict.TAMPERED, "wrong_opening", f"{self.next_index} {name}")

    def _close(self, checkpoint: Checkpoint, is_ended: bool) -> None:
        report = self.report
        if not is_ended:
            report.find(Verdict.INCOMPLETE, "cut_off", self.next_index)
        elif self.tree.size != checkpoint.size:
            report.find(Verdict.TAMPERED, "missing_leaves", f"{self.tree.size} / {checkpoint.size}")
        else:
            self._verify("root", self.tree.root() == checkpoint.root, "wrong_root")
        if self.saved and self.saved_root is not None:
            self._verify("saved", self.saved_root == self.saved.root, "other_past")
        elif self.saved and self.saved.size < self.tree.size:
            report.find(Verdict.INCOMPLETE, "saved_unreachable", self.saved.size)
        if self.beside:
            self.beside.close()
            report.lines = self.beside.count
            if not any(text == "other_line" for _, text, _ in report.findings):
                report.checked.append("events")
        if report.withheld:
            report.find(Verdict.INCOMPLETE, "withheld", report.withheld)
        # Openings may be missing because somebody asked for it, and then an event of this log names them.
        report.erased = sum(count for commitment, count in self.unopened.items() if commitment in self.erased)
        if report.erased:
            report.find(Verdict.ERASED, "erased", report.erased)
        if missing := self.unopened.total() - report.erased:
            report.find(Verdict.INCOMPLETE, "openings_missing", missing)

    def _verify(self, name: str, holds: bool, otherwise: str) -> None:
        if holds:
            self.report.checked.append(name)
        else:
            self.report.find(Verdict.TAMPERED, otherwise)


def _height(members: dict[str, Any]) -> int:
    """Of the full subtree a line stands for; a leaf's is 0, and only a bare hash may stand for more."""
    height = members.get("height", 0)
    if not isinstance(height, int) or isinstance(height, bool) or not 0 <= height < 63 or (height and "leaf" in members):
        raise Unusable("bad_line", "height")
    return height


def _named_erased(event: dict[str, Any]) -> list[str]:
    detail = event.get("detail")
    named = detail.get("commitments") if isinstance(detail, dict) else None
    return [text for text in named if isinstance(text, str)] if isinstance(named, list) else []


def _cut_off_is_none(line: bytes) -> dict[str, Any] | None:
    """A download that broke off ends in the middle of a line."""
    return _object(line) if line.endswith(b"\n") else None


def _object(line: bytes) -> dict[str, Any]:
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):
        raise Unusable("bad_line", line[:40].decode(errors="replace")) from None
    if not isinstance(members, dict):
        raise Unusable("bad_line", line[:40].decode(errors="replace"))
    return members


def _event(leaf: bytes) -> dict[str, Any] | None:
    """The few members that are looked at, ``None`` when they are not what they should be."""
    try:
        event = json.loads(leaf)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.get("v") != 1:
        return None
    committed = event.setdefault("commitments", {})
    if not isinstance(committed, dict):
        return None
    texts = [event.get("at"), event.get("action"), event.get("outcome"), *committed, *committed.values()]
    return event if all(map(_is_text, texts)) else None


def _is_text(value: object) -> bool:
    """JSON can spell half a surrogate pair, which is no character and has no bytes."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if not _is_text(value):
        raise Unusable("bad_line", name)
    return str(value)


def _bytes(members: dict[str, Any], name: str) -> bytes:
    """Base64 in its one spelling: two files that differ do not both pass for the same log."""
    text = _text(members, name)
    try:
        content = b64decode(text, validate=True)
    except ValueError:
        raise Unusable("bad_line", name) from None
    if b64encode(content).decode() != text:
        raise Unusable("bad_line", name)
    return content
