"""From a hospital's root to a device: the statements of a receipt (protocol ``wardline/1``, section 4).

Invariant: a key comes out of here only if every statement on the way from a pinned root was signed by whoever may make it. Stricter than a
client: in a receipt nothing may stand that is not proved.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wardline_verify.strict import (
    Check,
    Malformed,
    a_list,
    a_time,
    a_uuid,
    an_integer,
    an_object,
    binary,
    exactly,
    one_of,
    optional,
    read_object,
)

HEADER_AT_MOST = 65_536
_KEYS: dict[str, Check] = {"generation": an_integer(1), "kem": binary(1216), "sign": binary(32), "profile": binary(32)}
_ROLE: dict[str, Check] = {"generation": an_integer(1), "kem": binary(1216), "profile": binary(32), "eligible": a_list(a_uuid, 512)}
_REASON = one_of("lost", "stolen", "replaced", "left", "other")
# In this order: each kind is signed with keys that stand in kinds before it.
_BODIES: dict[str, dict[str, Check]] = {
    "root": {"sign": binary(32)},
    "registrar": {"sign": optional(binary(32))},
    "partner": {"root": optional(binary(32))},
    "member": _KEYS,
    "role": _ROLE,
    "device": {"principal": a_uuid, "sign": binary(32)},
    "device-revoked": {"principal": a_uuid, "reason": _REASON},
}


class Forged(Exception):
    """Something is not what was signed. The arguments are a key of the texts and what it is about."""


class Missing(Exception):
    """A statement that is needed is not here. The arguments are a key of the texts and what it is about."""


@dataclass(frozen=True)
class Statement:
    h: bytes
    s: bytes
    kind: str
    hospital: str
    subject: str
    prev: bytes | None
    at: datetime
    by: str
    kid: bytes
    body: Mapping[str, Any]

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.h).digest()


def read_statement(h: bytes, s: bytes) -> Statement:
    """Raises ``Malformed``."""
    names = {"kind": one_of(*_BODIES), "hospital": a_uuid, "subject": a_uuid, "prev": optional(binary(32)), "at": a_time}
    checks: dict[str, Check] = names | {"by": _signer, "body": an_object}
    read = read_header(h, "statement", checks, HEADER_AT_MOST)
    by, kid = read.pop("by")
    body = exactly(read.pop("body"), _BODIES[read["kind"]])
    if len(set(body.get("eligible", ()))) != len(body.get("eligible", ())):
        raise Malformed("a person twice")
    return Statement(h=h, s=s, by=by, kid=kid, body=body, **read)


def read_header(h: bytes, t: str, checks: Mapping[str, Check], most: int) -> dict[str, Any]:
    """Raises ``Malformed``."""
    read = exactly(read_object(h, most), {"v": one_of(1), "t": one_of(t), **checks})
    return {name: read[name] for name in checks}


def _signer(value: Any) -> tuple[str, bytes]:
    by, kid = a_list(lambda item: item, 2)(value) if isinstance(value, list) and len(value) == 2 else (None, None)
    return a_uuid(by), binary(16)(kid)


def has_signed(public: bytes, label: str, digest: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, f"wardline/1 {label}".encode() + b"\0" + digest)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id(public: bytes) -> bytes:
    return hashlib.sha256(public).digest()[:16]


class Chain:
    """The proved statements. ``pins`` maps a hospital to the root public key that was brought along."""

    def __init__(self, pins: Mapping[str, bytes], statements: Iterable[Statement]) -> None:
        """Raises ``Forged``, ``Missing``."""
        self._pins = dict(pins)
        self._lines: dict[tuple[str, str], list[Statement]] = {}
        waiting: dict[tuple[bool, int, str, str], list[Statement]] = defaultdict(list)
        for one in statements:
            # What a pinned hospital says comes first: without it no other hospital has a root.
            waiting[one.hospital not in self._pins, list(_BODIES).index(one.kind), one.kind, one.subject].append(one)
        for (_, _, kind, subject), said in sorted(waiting.items(), key=lambda entry: entry[0]):
            if (kind, subject) in self._lines:
                raise Forged("two_hospitals", subject)
            self._lines[kind, subject] = self._proved(_in_line(said))

    def _proved(self, line: list[Statement]) -> list[Statement]:
        for one in line:
            fitting = [key for key in self._signers(one) if key_id(key) == one.kid]
            if not fitting:
                raise Missing("no_signer", f"{one.kind} {one.subject}")
            if not has_signed(fitting[0], "sig-statement", one.digest, one.s):
                raise Forged("statement_forged", f"{one.kind} {one.subject}")
        return line

    def _signers(self, one: Statement) -> list[bytes]:
        """The keys of whoever may make this statement."""
        match one.kind:
            case "root":
                roots = self._roots(one) if one.by == one.subject == one.hospital else []
                return [root for root in roots if one.body["sign"] == root]
            case "registrar":
                return self._keys("root", one.hospital, one) if one.by == one.hospital else []
            case "device":
                return self._keys("member", one.by, one) if one.by == one.body["principal"] else []
            case "device-revoked" if one.by == one.body["principal"]:
                return self._keys("member", one.by, one)
            case _:
                return self._keys("registrar", one.by, one)

    def _roots(self, one: Statement) -> list[bytes]:
        if one.hospital in self._pins:
            return [self._pins[one.hospital]]
        accepted = self.latest("partner", one.hospital)
        if accepted is None or accepted.hospital not in self._pins:
            raise Missing("no_partner", one.hospital)
        said = _in_force(self._lines["partner", one.hospital], one.at)
        return [entry.body["root"] for entry in said if entry.body["root"] is not None]

    def _keys(self, kind: str, subject: str, one: Statement) -> list[bytes]:
        own = [said for said in _in_force(self._lines.get((kind, subject), []), one.at) if said.hospital == one.hospital]
        return [said.body["sign"] for said in own if said.body["sign"] is not None]

    def latest(self, kind: str, subject: str) -> Statement | None:
        return self._lines.get((kind, subject), [None])[-1]

    def needed(self, kind: str, subject: str) -> Statement:
        """Raises ``Missing``."""
        found = self.latest(kind, subject)
        if found is None:
            raise Missing("no_statement", f"{kind} {subject}")
        return found

    def device_key(self, *, device: str, by: str, role: str | None, hospital: str) -> bytes:
        """The key of ``by``'s device, if ``by`` belongs to ``hospital`` and is eligible for ``role``. Raises ``Forged``, ``Missing``."""
        stated, person = self.needed("device", device), self.needed("member", by)
        if stated.body["principal"] != by or person.hospital != hospital:
            raise Forged("device_of_another", device)
        if key_id(person.body["sign"]) != stated.kid:
            raise Forged("device_not_stated_again", device)
        revoked = self.latest("device-revoked", device)
        if revoked and revoked.body["principal"] == by:
            raise Forged("device_revoked", device)
        if role is not None:
            named = self.needed("role", role)
            if named.hospital != hospital or by not in named.body["eligible"]:
                raise Forged("not_eligible", by)
        key: bytes = stated.body["sign"]
        return key


def _in_force(line: list[Statement], at: datetime) -> list[Statement]:
    """The latest, and a former one for what is older than the statement that replaced it; a replacement without a key ends the line."""
    return [said for said, replaced in zip_longest(line, line[1:]) if replaced is None or at < replaced.at]


def _in_line(said: list[Statement]) -> list[Statement]:
    """Oldest first, each naming the one before. Raises ``Forged`` for two in one place, ``Missing`` for a gap."""
    by_prev = {one.prev: one for one in {one.h: one for one in said}.values()}
    about = f"{said[0].kind} {said[0].subject}"
    if len(by_prev) != len({one.h for one in said}):
        raise Forged("fork", about)
    line: list[Statement] = []
    while (one := by_prev.pop(line[-1].digest if line else None, None)) is not None:
        if line and not _may_follow(line[-1].body, one.body, same_hospital=line[-1].hospital == one.hospital):
            raise Forged("cannot_follow", about)
        line.append(one)
    if by_prev:
        raise Missing("gap_in_line", about)
    return line


def _may_follow(former: Mapping[str, Any], later: Mapping[str, Any], *, same_hospital: bool) -> bool:
    if "generation" in former:
        is_same = former["generation"] == later["generation"] and former["kem"] == later["kem"]
        return same_hospital and (is_same or former["generation"] < later["generation"])
    return same_hospital and ("principal" not in former or "reason" in former or former == later)
