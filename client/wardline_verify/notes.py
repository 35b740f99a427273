"""Checkpoints and the keys they are checked with (C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy).

Invariant: a checkpoint counts only with a valid signature of the log's key under the log's own origin, and with as many witnesses as the
policy asks for.
"""

import binascii
import hashlib
import struct
from base64 import b64decode
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

LOG, WITNESS, MLDSA44 = 1, 4, 6  # signature types: Ed25519, timestamped Ed25519 cosignature, timestamped ML-DSA-44 cosignature
BYTES = {LOG: 32, WITNESS: 32, MLDSA44: 1312}  # of a public key


class Unusable(Exception):
    """What was brought along cannot be read; nothing can be said about the log. ``args[0]`` is a key of ``words.TEXTS``."""


class Untrue(Exception):
    """A signature that has to be there is not, or is wrong. ``args[0]`` is a key of ``words.TEXTS``."""


@dataclass(frozen=True)
class Key:
    """A verifier key: ``<name>+<id>+<base64 of type and public key>``."""

    name: str
    key_id: bytes
    kind: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> "Key":
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            typed = b64decode(encoded, validate=True)
            expected = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
        except (ValueError, binascii.Error):
            raise Unusable("bad_key", text) from None
        if not 0 < len(name.encode()) < 256 or not typed or BYTES.get(typed[0]) != len(typed) - 1 or key_id != expected.hex():
            raise Unusable("bad_key", text)
        return cls(name, expected, typed[0], typed[1:])

    def has_signed(self, checkpoint: "Checkpoint", signature: bytes) -> bool:
        at, rest = signature[:8], signature[8:]
        try:
            if self.kind == LOG:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, checkpoint.body)
            elif self.kind == WITNESS:
                said = b"cosignature/v1\ntime %d\n" % int.from_bytes(at, "big") + checkpoint.body
                Ed25519PublicKey.from_public_bytes(self.public).verify(rest, said)
            else:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(rest, self._cosigned(checkpoint, at))
        except InvalidSignature:
            return False
        except UnsupportedAlgorithm:
            raise Unusable("no_mldsa") from None
        return True

    def _cosigned(self, checkpoint: "Checkpoint", at: bytes) -> bytes:
        """``cosigned_message`` of a whole tree: who signs, when, of which log, from leaf 0 to the size, and the root."""
        names = [bytes([len(name)]) + name for name in (self.name.encode(), checkpoint.origin.encode())]
        return b"subtree/v1\n\0" + names[0] + at + names[1] + struct.pack(">QQ", 0, checkpoint.size) + checkpoint.root


@dataclass(frozen=True)
class Checkpoint:
    """``body`` is what is signed; ``signatures`` are ``(name, key id, signature)``."""

    origin: str
    size: int
    root: bytes
    body: bytes
    signatures: list[tuple[str, bytes, bytes]]

    @classmethod
    def parse(cls, note: str) -> "Checkpoint":
        text, separator, lines = note.rpartition("\n\n")
        fields = text.split("\n")
        try:
            if not separator or not lines.endswith("\n") or len(fields) < 3 or not fields[0]:
                raise ValueError
            size, root = int(fields[1]), b64decode(fields[2], validate=True)
            if str(size) != fields[1] or not 0 <= size < 1 << 63 or len(root) != 32:
                raise ValueError
            signatures = [_signature(line) for line in lines[:-1].split("\n")]
            body = f"{text}\n".encode()  # half a surrogate pair has no bytes
        except (ValueError, binascii.Error):
            raise Unusable("bad_checkpoint") from None
        return cls(fields[0], size, root, body, signatures)

    def is_signed_by(self, key: Key) -> bool:
        """Every signature line under this key must hold, and there must be one."""
        own = [signature for name, key_id, signature in self.signatures if (name, key_id) == (key.name, key.key_id)]
        return bool(own) and all(key.has_signed(self, signature) for signature in own)


@dataclass
class Policy:
    """Whom the auditor believes: the logs' keys, the witnesses, and which of them have to have signed."""

    logs: list[Key] = field(default_factory=list)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    witnesses: dict[str, Key] = field(default_factory=dict)
    quorum: str = "none"

    @classmethod
    def parse(cls, text: str) -> "Policy":
        policy = cls()
        for line in text.splitlines():
            words = line.split()
            if words and not words[0].startswith("#"):
                policy._take(words)
        if not policy.logs or policy.quorum not in ("none", *policy.witnesses, *policy.groups):
            raise Unusable("bad_policy", "log, quorum")
        return policy

    def _take(self, words: list[str]) -> None:
        known = {*self.witnesses, *self.groups}
        match words:
            case ["log", key, *_]:
                self.logs.append(Key.parse(key))
            case ["witness", name, key, *_] if name not in known:
                self.witnesses[name] = Key.parse(key)
            case ["group", name, threshold, *members] if (
                name not in known and known.issuperset(members) and len(set(members)) == len(members)
            ):
                self.groups[name] = (_threshold(threshold, len(members)), members)
            case ["quorum", name]:
                self.quorum = name
            case _:
                raise Unusable("bad_policy", " ".join(words))

    def check(self, checkpoint: Checkpoint) -> None:
        """Raises: Untrue: the log's key has not signed it, or too few witnesses have."""
        named: dict[int, list[Key]] = {}
        for key in self.logs:
            if key.name == checkpoint.origin:
                named.setdefault(key.kind, []).append(key)
        # Several keys of one kind: it has changed its key. Of two kinds: both have to have signed.
        if not named or not all(any(checkpoint.is_signed_by(key) for key in keys) for keys in named.values()):
            raise Untrue("not_signed", checkpoint.origin)
        if self.quorum != "none" and not self._is_met(self.quorum, checkpoint):
            raise Untrue("no_quorum", self.quorum)

    def _is_met(self, name: str, checkpoint: Checkpoint) -> bool:
        if name in self.witnesses:
            return checkpoint.is_signed_by(self.witnesses[name])
        threshold, members = self.groups[name]
        return sum(self._is_met(member, checkpoint) for member in members) >= threshold


def _threshold(text: str, members: int) -> int:
    threshold = {"any": 1, "all": members}.get(text) or (int(text) if text.isdecimal() else 0)
    if not 1 <= threshold <= members:
        raise Unusable("bad_policy", text)
    return threshold


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, name, encoded = line.split(" ")
    signature = b64decode(encoded, validate=True)
    if dash != "\u2014" or not name or len(signature) < 5:
        raise ValueError
    return name, signature[:4], signature[4:]
