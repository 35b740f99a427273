"""What a client sends, read strictly and checked against who sends it (protocol 5, 6, 10).

Invariant: nothing passes whose header is not of this conversation, person and device, or whose signature is not that
device's. Public keys alone are needed, and no database: the socket runs this in a thread.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol
from uuid import UUID

from backend.errors import DomainError, Invalid, TooLarge
from wardline_client.protocol.encoding import decode
from wardline_client.protocol.epochs import MAX_RECIPIENTS, EpochHeader, check_wraps, parse_epoch_header, verify_epoch_signature
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.messages import (
    MAX_CIPHERTEXT,
    MessageHeader,
    check_ciphertext,
    parse_message_header,
    verify_message_signature,
)

SIGNATURE_LENGTH = 64
# Who sends something signed by another, or with a header of another, is not mistyping: these refusals are audited whatever their status.
FORGED = frozenset({"signature.invalid", "envelope.wrong_sender", "envelope.wrong_conversation"})


class Envelope(NamedTuple):
    """A message as sent: header, ciphertext, signature."""

    h: bytes
    c: bytes
    s: bytes


class SealedEpoch(NamedTuple):
    """An epoch as sent: header, wraps in the order of ``to``, signature."""

    h: bytes
    w: tuple[bytes, ...]
    s: bytes


class Sender(Protocol):
    """What is needed of ``identity.actors.Actor``."""

    @property
    def person_id(self) -> UUID: ...
    @property
    def device_id(self) -> UUID: ...
    @property
    def device_public_key(self) -> bytes: ...


def read_envelope(value: object) -> Envelope:
    """From JSON ``{h, c, s}``.

    Raises:
        Invalid: ``envelope.malformed``, ``encoding.not_canonical``.
        TooLarge: ``message.too_large``.
    """
    members = _members(value, {"h", "c", "s"})
    # Four characters carry three bytes: refuse by length before anything is decoded.
    if isinstance(members["c"], str) and len(members["c"]) > MAX_CIPHERTEXT * 4 // 3 + 4:
        raise TooLarge("message.too_large", "A message's ciphertext is at most 64 KiB; send larger things as attachments.")
    return Envelope(*(_binary(members[name]) for name in "hcs"))


def read_epoch(value: object) -> SealedEpoch:
    """From JSON ``{h, w: [...], s}``. Raises ``Invalid`` like ``read_envelope``."""
    members = _members(value, {"h", "w", "s"})
    wraps = members["w"]
    if not isinstance(wraps, list | tuple) or not 1 <= len(wraps) <= MAX_RECIPIENTS:
        raise _malformed()
    return SealedEpoch(h=_binary(members["h"]), w=tuple(_binary(wrap) for wrap in wraps), s=_binary(members["s"]))


def check_message(envelope: Envelope, *, sender: Sender, conversation_id: UUID) -> MessageHeader:
    """Raises ``Invalid`` (a protocol code, or one of ``FORGED``) or ``TooLarge``."""
    if len(envelope.c) > MAX_CIPHERTEXT:
        raise TooLarge("message.too_large", "A message's ciphertext is at most 64 KiB; send larger things as attachments.")
    try:
        header = parse_message_header(envelope.h)
        check_ciphertext(envelope.c)
        _check_origin(header, sender, conversation_id)
        verify_message_signature(envelope.h, envelope.c, envelope.s, sender.device_public_key)
    except ProtocolError as error:
        raise refusal(error) from None
    return header


def check_epoch(epoch: SealedEpoch, *, sender: Sender, conversation_id: UUID) -> EpochHeader:
    """Raises ``Invalid`` (a protocol code, or one of ``FORGED``)."""
    try:
        header = parse_epoch_header(epoch.h)
        check_wraps(header, epoch.w)
        _check_origin(header, sender, conversation_id)
        verify_epoch_signature(epoch.h, epoch.w, epoch.s, sender.device_public_key)
    except ProtocolError as error:
        raise refusal(error) from None
    return header


def refusal(error: ProtocolError) -> DomainError:
    return Invalid(error.code, "This does not follow protocol wardline/1.")


def _check_origin(header: MessageHeader | EpochHeader, sender: Sender, conversation_id: UUID) -> None:
    if header.conversation != conversation_id:
        # A message lifted out of one conversation and replayed into another.
        raise Invalid("envelope.wrong_conversation", "The header names another conversation.")
    if (header.by, header.device) != (sender.person_id, sender.device_id):
        raise Invalid("envelope.wrong_sender", "The header names another person or device than the one signed in.")


def _members(value: object, names: set[str]) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or set(value) != names:
        raise _malformed()
    return value


def _binary(value: object) -> bytes:
    if not isinstance(value, str):
        raise _malformed()
    try:
        return decode(value)
    except ProtocolError as error:
        raise refusal(error) from None


def _malformed() -> Invalid:
    return Invalid("envelope.malformed", "An envelope has exactly the members of protocol 5 or 6, base64url without padding.")
