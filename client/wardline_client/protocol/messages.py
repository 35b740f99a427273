"""Messages (section 6).

Invariant: the key of a message depends on its header, so a changed header is a message nobody can read; header and ciphertext are
signed by the device. Parsing and verifying need public keys alone.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardline_client.protocol.encoding import (
    Members,
    as_binary,
    as_integer,
    as_tuple,
    as_uuid,
    encode,
    format_time,
    malformed,
    sha256,
    to_json,
)
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.keys import hkdf, labelled
from wardline_client.protocol.signing import SigningKey, verify

PRIORITIES: Final = frozenset({"normal", "urgent", "stat"})
MAX_ATTACHMENTS: Final = 16
MAX_CIPHERTEXT: Final = 65_536
MAX_BODY: Final = (MAX_CIPHERTEXT - 16) // 256 * 256 - 1
_NAMES: Final = (
    "conversation", "epoch", "id", "by", "role", "device", "at", "prev", "priority", "attachments",
)  # fmt: skip
_LABEL: Final = "sig-message"
_TAG: Final = 16


@dataclass(frozen=True)
class Attachment:
    """A sealed file: SHA-256 and size in bytes are those of its ciphertext."""

    id: UUID
    sha256: bytes
    size: int


@dataclass(frozen=True)
class MessageHeader:
    conversation: UUID
    epoch: int
    id: UUID
    by: UUID
    role: UUID | None
    device: UUID
    at: datetime
    prev: bytes | None
    priority: str = "normal"
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class SealedMessage:
    h: bytes
    c: bytes
    s: bytes


def parse_message_header(h: bytes) -> MessageHeader:
    """Raises a ``header`` or ``encoding`` code."""
    members = Members.of_header(h, "message", _NAMES)
    attachments = tuple(_attachment(item) for item in members.items("attachments", 0, MAX_ATTACHMENTS))
    if len({attachment.id for attachment in attachments}) != len(attachments):
        raise malformed("an attachment twice")
    return MessageHeader(
        conversation=members.uuid("conversation"),
        epoch=members.integer("epoch", least=1),
        id=members.uuid("id"),
        by=members.uuid("by"),
        role=members.optional_uuid("role"),
        device=members.uuid("device"),
        at=members.time("at"),
        prev=members.optional_binary("prev", 32),
        priority=members.one_of("priority", PRIORITIES),
        attachments=attachments,
    )


def verify_message_signature(h: bytes, c: bytes, s: bytes, device: bytes) -> None:
    """Check that ``device`` (Ed25519 public key) signed header and ciphertext. Raises ``signature.invalid``."""
    verify(device, _LABEL, (sha256(h), sha256(c)), s)


def check_ciphertext(c: bytes) -> None:
    """The lengths a padded message can have, as far as anybody can see without a key. Raises ``message.unreadable``."""
    if not 256 + _TAG <= len(c) <= MAX_CIPHERTEXT or (len(c) - _TAG) % 256:
        raise ProtocolError("message.unreadable", "length")


def seal_message(*, header: MessageHeader, body: bytes, key: bytes, signing_key: SigningKey) -> SealedMessage:
    """Raises ``message.unreadable`` when the body is longer than ``MAX_BODY`` bytes."""
    h = format_message_header(header)
    message_key, nonce = _key(key, h)
    c = AESGCM(message_key).encrypt(nonce, pad(body), h)
    return SealedMessage(h=h, c=c, s=signing_key.sign(_LABEL, sha256(h), sha256(c)))


def open_message(*, h: bytes, c: bytes, key: bytes) -> bytes:
    """Body bytes; ``key`` is the epoch's ``K``, the signature is verified before. Raises ``message.unreadable``."""
    message_key, nonce = _key(key, h)
    check_ciphertext(c)
    try:
        return unpad(AESGCM(message_key).decrypt(nonce, c, h))
    except InvalidTag:
        raise ProtocolError("message.unreadable") from None


def format_message_header(header: MessageHeader) -> bytes:
    h = to_json(
        {
            "v": 1,
            "t": "message",
            "conversation": str(header.conversation),
            "epoch": header.epoch,
            "id": str(header.id),
            "by": str(header.by),
            "role": str(header.role) if header.role else None,
            "device": str(header.device),
            "at": format_time(header.at),
            "prev": encode(header.prev) if header.prev else None,
            "priority": header.priority,
            "attachments": [[str(file.id), encode(file.sha256), file.size] for file in header.attachments],
        }
    )
    parse_message_header(h)
    return h


def pad(body: bytes) -> bytes:
    if len(body) > MAX_BODY:
        raise ProtocolError("message.unreadable", "too long")
    padded = body + b"\x80"
    return padded + b"\x00" * (-len(padded) % 256)


def unpad(padded: bytes) -> bytes:
    body = padded.rstrip(b"\x00")
    # The shortest padding only: a second spelling of the same body would be a hidden channel.
    if not body.endswith(b"\x80") or len(padded) - len(body) > 255:
        raise ProtocolError("message.unreadable", "padding")
    return body[:-1]


def _attachment(item: object) -> Attachment:
    file, digest, size = as_tuple(item, "attachments", 3)
    return Attachment(
        id=as_uuid(file, "attachments"),
        sha256=as_binary(digest, "attachments", 32),
        size=as_integer(size, "attachments", least=_TAG),
    )


def _key(key: bytes, h: bytes) -> tuple[bytes, bytes]:
    material = hkdf(key, labelled("wardline/1 message", sha256(h)), 44)
    return material[:32], material[32:]
