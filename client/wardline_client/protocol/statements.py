"""Statements: what a hospital, a registrar or a person signed about a key (section 4).

Invariant: a ``Statement`` is well-formed, and not yet believed. Whether its signer may say so is for ``directory``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Final
from uuid import UUID

from wardline_client.protocol.encoding import (
    Members,
    as_binary,
    as_tuple,
    as_uuid,
    encode,
    format_time,
    malformed,
    sha256,
    to_json,
)
from wardline_client.protocol.hpke import PUBLIC_KEY_LENGTH
from wardline_client.protocol.signing import SigningKey, verify

KINDS: Final = frozenset({"root", "registrar", "member", "device", "device-revoked", "role", "archive", "partner", "recovery"})
# What can be taken back: ``null`` in place of the key ends it.
ENDABLE: Final = frozenset({"registrar", "partner"})
REASONS: Final = frozenset({"lost", "stolen", "replaced", "left", "other"})
MAX_ELIGIBLE: Final = 512
# Two of them give a seed back (section 3.6); none: the hospital has no such recovery any more.
OFFICERS: Final = 3
_NAMES: Final = ("kind", "hospital", "subject", "prev", "at", "by", "body")
_LABEL: Final = "sig-statement"


@dataclass(frozen=True)
class Sign:
    """Body of ``root``: an Ed25519 public key."""

    sign: bytes


@dataclass(frozen=True)
class Office:
    """Body of ``registrar``: the Ed25519 public key of who may sign for the hospital, or ``None``: the office has ended."""

    sign: bytes | None


@dataclass(frozen=True)
class Keys:
    """Body of ``member`` and ``archive``."""

    generation: int
    kem: bytes
    sign: bytes
    profile: bytes


@dataclass(frozen=True)
class RoleKeys:
    """Body of ``role``: who can open it is in ``eligible``."""

    generation: int
    kem: bytes
    profile: bytes
    eligible: tuple[UUID, ...]


@dataclass(frozen=True)
class DeviceKey:
    """Body of ``device``; ``principal`` is a user or an archive."""

    principal: UUID
    sign: bytes


@dataclass(frozen=True)
class Revocation:
    """Body of ``device-revoked``."""

    principal: UUID
    reason: str


@dataclass(frozen=True)
class Partner:
    """Body of ``partner``: another hospital's root public key, or ``None``: the partnership has ended."""

    root: bytes | None


@dataclass(frozen=True)
class Officers:
    """Body of ``recovery``: three people with the kid of each one's X-Wing key, or nobody: the hospital's recovery has ended."""

    officers: tuple[tuple[UUID, bytes], ...]

    def place_of(self, person: UUID) -> int | None:
        """0, 1 or 2; ``None`` for whoever is no officer."""
        return next((place for place, (officer, _) in enumerate(self.officers) if officer == person), None)


Body = Sign | Office | Keys | RoleKeys | DeviceKey | Revocation | Partner | Officers


@dataclass(frozen=True)
class Statement:
    """A parsed statement with the bytes it was parsed from. ``by`` is the signer, ``kid`` names the key it signed with."""

    h: bytes
    s: bytes
    kind: str
    hospital: UUID
    subject: UUID
    prev: bytes | None
    at: datetime
    by: UUID
    kid: bytes
    body: Body

    @cached_property
    def digest(self) -> bytes:
        return sha256(self.h)


def _binary(length: int) -> Callable[[Members, str], bytes]:
    return lambda members, name: members.binary(name, length)


def _eligible(members: Members, name: str) -> tuple[UUID, ...]:
    people = tuple(as_uuid(item, name) for item in members.items(name, 0, MAX_ELIGIBLE))
    if len(set(people)) != len(people):
        raise malformed("a person twice")
    return people


def _officers(members: Members, name: str) -> tuple[tuple[UUID, bytes], ...]:
    pairs = [as_tuple(item, name, 2) for item in members.items(name, 0, OFFICERS)]
    officers = tuple((as_uuid(person, name), as_binary(kid, name, 16)) for person, kid in pairs)
    people = [str(person) for person, _ in officers]
    if len(people) not in (0, OFFICERS) or people != sorted(set(people)):
        raise malformed("officers")
    return officers


_FIELDS: Final[Mapping[str, Callable[[Members, str], object]]] = MappingProxyType(
    {
        "sign": _binary(32),
        "profile": _binary(32),
        "kem": _binary(PUBLIC_KEY_LENGTH),
        "generation": lambda members, name: members.integer(name, least=1),
        "principal": Members.uuid,
        "reason": lambda members, name: members.one_of(name, REASONS),
        "eligible": _eligible,
        "officers": _officers,
    }
)

_BODIES: Final[Mapping[str, Callable[..., Body]]] = MappingProxyType(
    {
        "root": Sign,
        "registrar": Office,
        "member": Keys,
        "archive": Keys,
        "role": RoleKeys,
        "device": DeviceKey,
        "device-revoked": Revocation,
        "partner": Partner,
        "recovery": Officers,
    }
)


def parse_statement(h: bytes, s: bytes) -> Statement:
    """Read a statement strictly; its signature is not looked at.

    Raises:
        ProtocolError: a ``header`` or ``encoding`` code.
    """
    members = Members.of_header(h, "statement", _NAMES)
    kind = members.one_of("kind", KINDS)
    by, kid = as_tuple(members.values["by"], "by", 2)
    return Statement(
        h=h,
        s=s,
        kind=kind,
        hospital=members.uuid("hospital"),
        subject=members.uuid("subject"),
        prev=members.optional_binary("prev", 32),
        at=members.time("at"),
        by=as_uuid(by, "by"),
        kid=as_binary(kid, "by", 16),
        body=_parse_body(kind, members.object("body")),
    )


def _parse_body(kind: str, values: dict[str, object]) -> Body:
    make = _BODIES[kind]
    names = tuple(make.__annotations__)
    members = Members(values, names)
    if kind in ENDABLE:
        return make(*(members.optional_binary(name, 32) for name in names))
    return make(*(_FIELDS[name](members, name) for name in names))


def verify_statement(statement: Statement, signer: bytes) -> None:
    """Check the signature by the given Ed25519 public key. Raises ``signature.invalid``."""
    verify(signer, _LABEL, (statement.digest,), statement.s)


def make_statement(
    *,
    kind: str,
    hospital: UUID,
    subject: UUID,
    body: Body,
    by: UUID,
    key: SigningKey,
    at: datetime,
    prev: Statement | None = None,
) -> Statement:
    """Sign a statement; ``prev`` is the latest one of the same kind and subject."""
    header = {
        "v": 1,
        "t": "statement",
        "kind": kind,
        "hospital": str(hospital),
        "subject": str(subject),
        "prev": encode(prev.digest) if prev else None,
        "at": format_time(at),
        "by": [str(by), encode(key.kid)],
        "body": {name: _plain(value) for name, value in vars(body).items()},
    }
    h = to_json(header)
    return parse_statement(h, key.sign(_LABEL, sha256(h)))


def _plain(value: object) -> object:
    match value:
        case bytes():
            return encode(value)
        case UUID():
            return str(value)
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return value
