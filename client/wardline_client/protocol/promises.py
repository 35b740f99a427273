"""What two hospitals sign when a bed is promised: the offer and its acceptance (section 12).

Invariant: an acceptance names the digest of the one offer it accepts, the offer names the need and the bed; so two parties that hold both
signed headers hold the same promise, whoever carried them. Parsing and verifying need public keys alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from wardline_client.protocol.encoding import Members, encode, format_time, malformed, sha256, to_json
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.signing import SigningKey, verify

MAX_PROMISE: Final = 2_048
MINUTES: Final = (15, 30, 60)
# How far a device's clock may be from the server's when it signs.
CLOCK_WITHIN: Final = timedelta(minutes=5)
_SHARED: Final = ("request", "candidate", "origin", "destination")
_SIGNER: Final = ("by", "role", "device", "at")
_OFFER: Final = (*_SHARED, "need", "capacity", "unit", "bed", "category", "minutes", *_SIGNER)
_ACCEPTANCE: Final = (*_SHARED, "offer", *_SIGNER)
_is_code = re.compile(r"[a-z0-9-]{1,32}").fullmatch


class Signed(NamedTuple):
    """Header and signature, as signed and sent."""

    h: bytes
    s: bytes


@dataclass(frozen=True)
class Offer:
    """The destination promises a bed for ``minutes``. ``need`` is ``need_digest``'s, ``bed`` given where single beds are tracked."""

    request: UUID
    candidate: UUID
    origin: UUID
    destination: UUID
    need: bytes
    capacity: UUID
    unit: UUID
    bed: UUID | None
    category: str
    minutes: int
    by: UUID
    role: UUID
    device: UUID
    at: datetime


@dataclass(frozen=True)
class Acceptance:
    """The origin takes the offer whose header has the digest ``offer``."""

    request: UUID
    candidate: UUID
    origin: UUID
    destination: UUID
    offer: bytes
    by: UUID
    role: UUID | None
    device: UUID
    at: datetime


def need_digest(*, category: str, capabilities: Iterable[str], urgency: str, age_band: str, sex: str, transport_mode: str) -> bytes:
    """SHA-256 over what was asked for, all of it codes."""
    need = {"age_band": age_band, "capabilities": sorted(set(capabilities)), "category": category, "sex": sex}
    return sha256(b"wardline/1 need\0" + to_json(need | {"transport_mode": transport_mode, "urgency": urgency}))


def parse_offer(h: bytes) -> Offer:
    """Raises a ``header`` or ``encoding`` code."""
    members = _members(h, "offer", _OFFER)
    minutes = members.integer("minutes")
    if minutes not in MINUTES:
        raise malformed("minutes")
    return Offer(
        request=members.uuid("request"),
        candidate=members.uuid("candidate"),
        origin=members.uuid("origin"),
        destination=members.uuid("destination"),
        need=members.binary("need", 32),
        capacity=members.uuid("capacity"),
        unit=members.uuid("unit"),
        bed=members.optional_uuid("bed"),
        category=members.text("category", _is_code),
        minutes=minutes,
        by=members.uuid("by"),
        role=members.uuid("role"),
        device=members.uuid("device"),
        at=members.time("at"),
    )


def parse_acceptance(h: bytes) -> Acceptance:
    """Raises a ``header`` or ``encoding`` code."""
    members = _members(h, "acceptance", _ACCEPTANCE)
    return Acceptance(
        request=members.uuid("request"),
        candidate=members.uuid("candidate"),
        origin=members.uuid("origin"),
        destination=members.uuid("destination"),
        offer=members.binary("offer", 32),
        by=members.uuid("by"),
        role=members.optional_uuid("role"),
        device=members.uuid("device"),
        at=members.time("at"),
    )


def verify_offer(signed: Signed, device: bytes) -> None:
    """Check that ``device`` (Ed25519 public key) signed. Raises ``signature.invalid``."""
    verify(device, "sig-offer", (sha256(signed.h),), signed.s)


def verify_acceptance(signed: Signed, device: bytes) -> None:
    """Raises ``signature.invalid``."""
    verify(device, "sig-acceptance", (sha256(signed.h),), signed.s)


def sign_offer(offer: Offer, key: SigningKey) -> Signed:
    h = _format("offer", offer)
    parse_offer(h)
    return Signed(h, key.sign("sig-offer", sha256(h)))


def sign_acceptance(acceptance: Acceptance, key: SigningKey) -> Signed:
    h = _format("acceptance", acceptance)
    parse_acceptance(h)
    return Signed(h, key.sign("sig-acceptance", sha256(h)))


def check_pair(offer: Signed, acceptance: Signed) -> tuple[Offer, Acceptance]:
    """Whether the second accepts the first, while it stood, as far as two devices' clocks can tell.

    Raises:
        ProtocolError: ``promise.mismatch``, ``promise.out_of_time``, or a ``header`` or ``encoding`` code.
    """
    offered, accepted = parse_offer(offer.h), parse_acceptance(acceptance.h)
    if accepted.offer != sha256(offer.h):
        raise ProtocolError("promise.mismatch", "offer")
    for name in _SHARED:
        if getattr(offered, name) != getattr(accepted, name):
            raise ProtocolError("promise.mismatch", name)
    if offered.origin == offered.destination:
        raise ProtocolError("promise.mismatch", "one hospital")
    # Either clock may be off by CLOCK_WITHIN, in opposite directions.
    early, late = offered.at - 2 * CLOCK_WITHIN, offered.at + timedelta(minutes=offered.minutes) + 2 * CLOCK_WITHIN
    if not early <= accepted.at <= late:
        raise ProtocolError("promise.out_of_time")
    return offered, accepted


def _members(h: bytes, t: str, names: tuple[str, ...]) -> Members:
    if len(h) > MAX_PROMISE:
        raise malformed("too long")
    return Members.of_header(h, t, names)


def _format(t: str, header: Offer | Acceptance) -> bytes:
    return to_json({"v": 1, "t": t} | {name: _plain(value) for name, value in vars(header).items()})


def _plain(value: object) -> object:
    match value:
        case bytes():
            return encode(value)
        case UUID():
            return str(value)
        case datetime():
            return format_time(value)
        case _:
            return value
