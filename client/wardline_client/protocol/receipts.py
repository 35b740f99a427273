"""The receipt of a promise: both signed headers, what was asked for, and the chains of both devices (section 12).

Invariant: what ``verify_receipt`` returns was signed by a device of a person of each hospital, both proved from the pinned roots by the
statements in the receipt alone, and nothing stands in it that this proof does not need. The file has one spelling, so two hospitals that
hold the same promise hold the same bytes.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from wardline_client.protocol.directory import Directory
from wardline_client.protocol.encoding import Members, as_uuid, decode, encode, malformed, parse_object, sha256
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.promises import Acceptance, Offer, Signed, check_pair, need_digest, verify_acceptance, verify_offer
from wardline_client.protocol.statements import Sign, Statement, parse_statement

FORMAT: Final = "wardline-receipt/1"
MAX_RECEIPT: Final = 8 * 1024 * 1024
MAX_STATEMENTS: Final = 4_096
_NAMES: Final = ("acceptance", "format", "need", "offer", "roots", "statements")
_NEED: Final = ("age_band", "capabilities", "category", "sex", "transport_mode", "urgency")


class Receipt(NamedTuple):
    """A parsed receipt, not yet believed. ``roots`` maps a hospital to the fingerprint the receipt claims for its root."""

    offer: Signed
    acceptance: Signed
    need: Mapping[str, Any]
    roots: Mapping[UUID, str]
    statements: tuple[Statement, ...]


class Proved(NamedTuple):
    """What both hospitals hold."""

    offer: Offer
    acceptance: Acceptance
    need: Mapping[str, Any]


def root_fingerprint(root: bytes) -> str:
    """What people compare of a hospital's root public key: six groups of five digits, as section 3 makes them."""
    digest = sha256(b"wardline/1 root-fingerprint\0" + root)
    return " ".join(f"{int.from_bytes(digest[start : start + 5], 'big') % 100_000:05d}" for start in range(0, 30, 5))


def format_receipt(
    *, offer: Signed, acceptance: Signed, need: Mapping[str, Any], roots: Mapping[UUID, bytes], statements: Iterable[Signed]
) -> bytes:
    """The canonical bytes: members in code point order, no white space. ``roots`` maps each hospital to its root public key."""
    members = {
        "format": FORMAT,
        "offer": _signed_json(offer),
        "acceptance": _signed_json(acceptance),
        "need": {**need, "capabilities": sorted(set(need["capabilities"]))},
        "roots": {str(hospital): root_fingerprint(root) for hospital, root in roots.items()},
        "statements": [_signed_json(statement) for statement in statements],
    }
    return _canonical(members)


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt strictly; no signature is looked at.

    Raises:
        ProtocolError: a ``header`` or ``encoding`` code; another spelling than the canonical one is ``encoding.not_canonical``.
    """
    values = parse_object(data, most=MAX_RECEIPT)
    if values.get("format") != FORMAT:
        raise ProtocolError("header.unknown_version" if isinstance(values.get("format"), str) else "header.malformed", "format")
    members = Members(values, _NAMES)
    receipt = Receipt(
        offer=_signed(members.object("offer")),
        acceptance=_signed(members.object("acceptance")),
        need=_need(members.object("need")),
        roots=_roots(members.object("roots")),
        statements=tuple(parse_statement(*_signed(_as_object(entry))) for entry in members.items("statements", 0, MAX_STATEMENTS)),
    )
    if _canonical(values) != data:
        raise ProtocolError("encoding.not_canonical", "receipt")
    return receipt


def verify_receipt(receipt: Receipt, pins: Mapping[UUID, bytes]) -> Proved:
    """Judge a receipt by the root public keys in ``pins``; a hospital without a pin counts through a partner statement of the other.

    Raises:
        ProtocolError: ``promise.mismatch`` (also for a statement that is not needed), ``promise.out_of_time``, ``signature.invalid``,
            ``statement.no_chain`` (also for any statement that cannot be proved), ``statement.fork``, ``statement.revoked``, or a
            ``header`` or ``encoding`` code.
    """
    offer, acceptance = check_pair(receipt.offer, receipt.acceptance)
    if need_digest(**receipt.need) != offer.need:
        raise ProtocolError("promise.mismatch", "need")
    ends = {offer.origin, offer.destination}
    if set(receipt.roots) != ends:
        raise ProtocolError("promise.mismatch", "roots")
    directory = Directory({hospital: root for hospital, root in pins.items() if hospital in ends}, receipt.statements)
    for hospital in ends:
        _check_root(directory, hospital, receipt.roots[hospital])
    verify_offer(receipt.offer, prove_signer(directory, offer, offer.destination))
    verify_acceptance(receipt.acceptance, prove_signer(directory, acceptance, acceptance.origin))
    _check_nothing_else(receipt.statements, directory, offer, acceptance)
    return Proved(offer, acceptance, receipt.need)


def prove_signer(directory: Directory, header: Offer | Acceptance, hospital: UUID) -> bytes:
    """The public key of the device that signs for ``hospital``: its owner belongs there and is eligible for the role acted in.

    Raises:
        ProtocolError: ``statement.no_chain``, ``statement.fork``, ``statement.revoked``.
    """
    device = directory.device(header.device)
    person = directory.principal(header.by)
    if device.principal != header.by or person.kind != "member" or person.hospital != hospital:
        raise ProtocolError("statement.no_chain", "device of another")
    if header.role is not None:
        role = directory.principal(header.role)
        if role.hospital != hospital or header.by not in role.eligible:
            raise ProtocolError("statement.no_chain", "role of others")
    return device.sign


def _check_nothing_else(statements: tuple[Statement, ...], directory: Directory, offer: Offer, acceptance: Acceptance) -> None:
    """A byte that nobody has signed or that proves nothing here would make two receipts of one promise."""
    if directory.refused:
        raise ProtocolError("statement.no_chain", "a statement that cannot be proved")
    needed = {(kind, hospital) for kind in ("root", "partner") for hospital in (offer.origin, offer.destination)}
    for header in (offer, acceptance):
        needed |= {("member", header.by), ("device", header.device)} | ({("role", header.role)} if header.role else set())
    needed |= {("registrar", said.by) for said in statements if (said.kind, said.subject) in needed}
    if any((said.kind, said.subject) not in needed for said in statements) or len({said.h for said in statements}) < len(statements):
        raise ProtocolError("promise.mismatch", "a statement that is not needed")


def _check_root(directory: Directory, hospital: UUID, claimed: str) -> None:
    statement = directory.latest("root", hospital)
    if statement is None or not isinstance(statement.body, Sign):
        raise ProtocolError("statement.no_chain", f"root of {hospital}")
    if root_fingerprint(statement.body.sign) != claimed:
        raise ProtocolError("promise.mismatch", "roots")


def _signed(values: dict[str, object]) -> Signed:
    members = Members(values, ("h", "s"))
    return Signed(decode(members.text("h")), members.binary("s", 64))


def _signed_json(signed: Signed) -> dict[str, str]:
    return {"h": encode(signed.h), "s": encode(signed.s)}


def _need(values: dict[str, object]) -> dict[str, Any]:
    members = Members(values, _NEED)
    capabilities = members.items("capabilities", 0, 64)
    if not all(isinstance(item, str) for item in capabilities) or sorted(set(map(str, capabilities))) != capabilities:
        raise malformed("capabilities")
    return {name: members.text(name) for name in _NEED if name != "capabilities"} | {"capabilities": capabilities}


def _roots(values: dict[str, object]) -> dict[UUID, str]:
    if not all(isinstance(claimed, str) for claimed in values.values()):
        raise malformed("roots")
    return {as_uuid(hospital, "roots"): str(claimed) for hospital, claimed in values.items()}


def _as_object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise malformed("statements")
    return value


def _canonical(values: Mapping[str, object]) -> bytes:
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
