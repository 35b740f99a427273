"""Who witnesses the logs: a policy file (C2SP tlog-policy).

Invariant: what the file says is understood wholly or not at all. The service asks its witnesses and prefers to show what their quorum has
cosigned; it never waits for them. What verifiers believe, their own policies say.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audit.notes import COSIGNATURE, ED25519, Key

NONE = "none"


@dataclass(frozen=True)
class Witness:
    """``name`` is the policy's own word for it, ``url`` the submission prefix; without one it is not asked."""

    name: str
    key: Key
    url: str

    @property
    def id(self) -> str:
        """``<name>+<key id>`` of its key: another key is another witness."""
        return f"{self.key.name}+{self.key.key_id.hex()}"


@dataclass
class Policy:
    """No file: nobody witnesses, and nothing is asked for."""

    logs: list[Key] = field(default_factory=list)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str = NONE

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """Raises: ValueError: with the line that is not understood."""
        policy, quorums = cls(), 0
        for line in text.split("\n"):
            words = line.replace("\t", " ").split(" ")
            words = [word for word in words if word]
            if not words or words[0].startswith("#"):
                continue
            try:
                policy._take(words)
            except ValueError:
                raise ValueError(" ".join(words)) from None
            quorums += words[0] == "quorum"
        if quorums != 1:
            raise ValueError("exactly one quorum line")
        return policy

    def _take(self, words: list[str]) -> None:
        match words:
            case ["log", key] | ["log", key, _]:
                # One service signs all its logs with one key under as many names: where the specification sees a repetition, these are
                # different logs.
                self.logs.append(_key(key, ED25519, [log for log in self.logs if log.name == key.partition("+")[0]]))
            case ["witness", name, key, *url] if len(url) <= 1 and self._is_new(name):
                known = [witness.key for witness in self.witnesses.values()]
                self.witnesses[name] = Witness(name, _key(key, COSIGNATURE, known), url[0].rstrip("/") if url else "")
            case ["group", name, threshold, *members] if members and self._is_new(name) and all(map(self._is_known, members)):
                self.groups[name] = (_threshold(threshold, members, self.groups), members)
            case ["quorum", name] if name == NONE or self._is_known(name):
                self.quorum = name
            case _:
                raise ValueError

    def _is_known(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups

    def _is_new(self, name: str) -> bool:
        return name != NONE and not self._is_known(name)

    def is_met(self, cosigned: set[str]) -> bool:
        """Whether the witnesses with these ids are enough."""
        return self.quorum == NONE or self._is_met(self.quorum, cosigned)

    def _is_met(self, name: str, cosigned: set[str]) -> bool:
        if name in self.witnesses:
            return self.witnesses[name].id in cosigned
        threshold, members = self.groups[name]
        return sum(self._is_met(member, cosigned) for member in members) >= threshold


def read_policy() -> Policy:
    """What ``AUDIT_POLICY_FILE`` says now; the empty policy when there is no such setting.

    Raises:
        ImproperlyConfigured: the file cannot be read, or a line is not understood.
    """
    path = settings.AUDIT_POLICY_FILE
    if path is None:
        return Policy()
    try:
        state = path.stat()
        return _read(path, (state.st_mtime_ns, state.st_size, state.st_ino))
    except OSError as error:
        raise ImproperlyConfigured(f"AUDIT_POLICY_FILE cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ImproperlyConfigured(f"AUDIT_POLICY_FILE is not a policy: {error}") from error


@lru_cache(maxsize=4)
def _read(path: Path, version: tuple[int, ...]) -> Policy:
    return Policy.parse(path.read_text(encoding="utf-8"))


def _key(text: str, kind: bytes, known: list[Key]) -> Key:
    key = Key.parse(text)
    if key.kind != kind or any(key.public == other.public for other in known):
        raise ValueError
    return key


def _threshold(text: str, members: list[str], groups: dict[str, tuple[int, list[str]]]) -> int:
    taken = {member for _, others in groups.values() for member in others}
    threshold = {"any": 1, "all": len(members)}.get(text) or (int(text) if text.isascii() and text.isdecimal() else 0)
    # A name counts in one group and there once, so that each witness has one way to contribute.
    if not 1 <= threshold <= len(members) or len(set(members)) < len(members) or taken & set(members):
        raise ValueError
    return threshold
