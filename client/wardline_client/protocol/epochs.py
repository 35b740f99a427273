"""Conversation epochs: one key for everybody listed, and proof that everybody got the same one (section 5).

Invariant: a header is signed as the bytes that were sent. Parsing and verifying need public keys alone; only ``open_epoch`` and
``seal_epoch`` touch ``K``.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from itertools import pairwise
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
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.hpke import OVERHEAD, KemKey, seal
from wardline_client.protocol.keys import hkdf, labelled
from wardline_client.protocol.notes import MAX_HEADS, SignedHead, as_head, head_members
from wardline_client.protocol.signing import SigningKey, kid, verify

MAX_RECIPIENTS: Final = 512
WRAP_LENGTH: Final = OVERHEAD + 32
_NAMES: Final = ("conversation", "epoch", "prev", "by", "role", "device", "at", "to", "heads", "retention", "kc")
_LABEL: Final = "sig-epoch"
_type_retention = re.compile(r"[a-z0-9-]{1,32}").fullmatch


@dataclass(frozen=True)
class EpochHeader:
    """``to`` pairs each recipient with the 16-byte kid of its X-Wing key; ``kc`` commits to ``K``; ``heads`` are those of the members'
    hospitals that its maker had verified."""

    conversation: UUID
    epoch: int
    prev: bytes | None
    by: UUID
    role: UUID | None
    device: UUID
    at: datetime
    to: tuple[tuple[UUID, bytes], ...]
    heads: tuple[SignedHead, ...]
    retention: str
    kc: bytes


@dataclass(frozen=True)
class SealedEpoch:
    """What is sent, with the key it carries."""

    h: bytes
    w: tuple[bytes, ...]
    s: bytes
    header: EpochHeader
    key: bytes = field(repr=False)


def parse_epoch_header(h: bytes) -> EpochHeader:
    """Raises a ``header`` or ``encoding`` code."""
    members = Members.of_header(h, "epoch", _NAMES)
    header = EpochHeader(
        conversation=members.uuid("conversation"),
        epoch=members.integer("epoch", least=1),
        prev=members.optional_binary("prev", 32),
        by=members.uuid("by"),
        role=members.optional_uuid("role"),
        device=members.uuid("device"),
        at=members.time("at"),
        to=tuple(_recipient(item) for item in members.items("to", 1, MAX_RECIPIENTS)),
        heads=tuple(as_head(item) for item in members.items("heads", 0, MAX_HEADS)),
        retention=members.text("retention", _type_retention),
        kc=members.binary("kc", 32),
    )
    if (header.epoch == 1) != (header.prev is None):
        raise malformed("prev is null in the first epoch and in no other")
    _check_ascending("to", [principal for principal, _ in header.to])
    _check_ascending("heads", [head.hospital for head in header.heads])
    return header


def _check_ascending(name: str, ids: list[UUID]) -> None:
    if any(str(former) >= str(later) for former, later in pairwise(ids)):
        raise malformed(f"{name} is not in ascending order")


def verify_epoch_signature(h: bytes, w: Sequence[bytes], s: bytes, device: bytes) -> None:
    """Check that ``device`` (Ed25519 public key) signed header and wraps. Raises ``signature.invalid``."""
    verify_epoch_digest(h, wraps_digest(w), s, device)


def verify_epoch_digest(h: bytes, digest: bytes, s: bytes, device: bytes) -> None:
    """The same for a reader of one wrap, who was given the digest of all of them. Raises ``signature.invalid``.

    A wrap that is not among those signed does no harm: the signed header commits to the key it must hold.
    """
    verify(device, _LABEL, (sha256(h), digest), s)


def wraps_digest(w: Sequence[bytes]) -> bytes:
    """``SHA-256(w[0] || w[1] || ...)``."""
    return sha256(b"".join(w))


def check_wraps(header: EpochHeader, w: Sequence[bytes]) -> None:
    """One wrap of the right length for each recipient, as far as anybody can see without a key. Raises ``wrap.unreadable``."""
    if len(w) != len(header.to) or any(len(wrap) != WRAP_LENGTH for wrap in w):
        raise ProtocolError("wrap.unreadable", "count or length")


def commitment(key: bytes) -> bytes:
    return hkdf(key, b"wardline/1 commit")


def seal_epoch(
    *,
    conversation: UUID,
    epoch: int,
    prev: bytes | None,
    by: UUID,
    role: UUID | None,
    device: UUID,
    at: datetime,
    recipients: Mapping[UUID, bytes],
    retention: str,
    signing_key: SigningKey,
    heads: Sequence[SignedHead] = (),
    key: bytes | None = None,
) -> SealedEpoch:
    """Make an epoch for ``recipients``: principal to X-Wing public key, each proved by a ``Directory`` before.

    ``prev`` is the digest of the former epoch's header. ``key`` is drawn at random unless given.
    """
    key = key or os.urandom(32)
    ordered = sorted(recipients.items(), key=lambda item: str(item[0]))
    h = to_json(
        {
            "v": 1,
            "t": "epoch",
            "conversation": str(conversation),
            "epoch": epoch,
            "prev": encode(prev) if prev else None,
            "by": str(by),
            "role": str(role) if role else None,
            "device": str(device),
            "at": format_time(at),
            "to": [[str(principal), encode(kid(public))] for principal, public in ordered],
            "heads": [head_members(head) for head in heads],
            "retention": retention,
            "kc": encode(commitment(key)),
        }
    )
    header = parse_epoch_header(h)
    w = tuple(seal(public, key, labelled("wardline/1 epoch", sha256(h))) for _, public in ordered)
    s = signing_key.sign(_LABEL, sha256(h), wraps_digest(w))
    return SealedEpoch(h=h, w=w, s=s, header=header, key=key)


def open_epoch(*, h: bytes, wrap: bytes, principal: UUID, kem: KemKey) -> bytes:
    """``K`` from the recipient's own wrap; the signature is verified before, by ``verify_epoch_signature``.

    Raises:
        ProtocolError: ``wrap.unreadable``, ``epoch.commitment``, or a ``header`` or ``encoding`` code.
    """
    header = parse_epoch_header(h)
    if (principal, kem.kid) not in header.to:
        raise ProtocolError("wrap.unreadable", "not a recipient")
    key = kem.open(wrap, labelled("wardline/1 epoch", sha256(h)))
    if len(key) != 32:
        raise ProtocolError("wrap.unreadable", "length of the key")
    if not compare_digest(commitment(key), header.kc):
        raise ProtocolError("epoch.commitment")
    return key


def _recipient(item: object) -> tuple[UUID, bytes]:
    principal, key = as_tuple(item, "to", 2)
    return as_uuid(principal, "to"), as_binary(key, "to", 16)
