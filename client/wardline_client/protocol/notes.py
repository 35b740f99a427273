"""Signed heads of the logs of statements (section 4.1): C2SP checkpoints, and their short form in an epoch's header.

Invariant: a ``SignedHead`` is well-formed; whether the service's key signed it is for ``verify_head``.
"""

import hashlib
from base64 import b64decode, b64encode
from typing import Final, NamedTuple
from uuid import UUID

from wardline_client.protocol.encoding import as_binary, as_integer, as_tuple, as_uuid, encode, malformed
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.signing import digits, verify_text

MAX_HEADS: Final = 64


class SignedHead(NamedTuple):
    """Size and root of a hospital's log, and the service's Ed25519 signature over the checkpoint that says so."""

    hospital: UUID
    size: int
    root: bytes
    signature: bytes


class LogKey(NamedTuple):
    """What heads are checked with. ``base`` and the hospital's id are the log's origin."""

    base: str
    public: bytes


def verify_head(head: SignedHead, key: LogKey) -> None:
    """Raises ``signature.invalid``."""
    verify_text(key.public, _text(head, key), head.signature)


def parse_note(note: str, hospital: UUID, public: bytes) -> tuple[SignedHead, LogKey]:
    """A checkpoint of this hospital's log, with the signature that ``public`` made; other keys' lines are passed over.

    Raises:
        ProtocolError: ``header.malformed``, ``encoding.not_canonical``, ``signature.invalid``.
    """
    text, _, lines = note.partition("\n\n")
    origin, size, root = [*text.split("\n"), "", "", ""][:3]
    base = origin.removesuffix(str(hospital))
    if base == origin or not (size.isascii() and size.isdecimal()):
        raise malformed("not a checkpoint of this log")
    key_id = hashlib.sha256(f"{origin}\n\x01".encode() + public).digest()[:4]
    signatures = [_signature(line, origin) for line in lines.splitlines()]
    found = next((each[4:] for each in signatures if each[:4] == key_id), b"")
    head, key = SignedHead(hospital, int(size), _base64(root), found), LogKey(base, public)
    if _text(head, key) != text + "\n":
        raise malformed("not a checkpoint")
    verify_head(head, key)
    return head, key


def head_fingerprint(size: int, root: bytes) -> str:
    """Six groups of five digits of a head, for two people to compare (section 4.1)."""
    return digits(b"wardline/1 head\0" + size.to_bytes(8) + root)


def head_members(head: SignedHead) -> list[str | int]:
    """As it stands in an epoch's header."""
    return [str(head.hospital), head.size, encode(head.root), encode(head.signature)]


def as_head(item: object) -> SignedHead:
    """Raises ``header.malformed``, ``encoding.not_canonical``."""
    hospital, size, root, signature = as_tuple(item, "heads", 4)
    return SignedHead(
        as_uuid(hospital, "heads"), as_integer(size, "heads", 1), as_binary(root, "heads", 32), as_binary(signature, "heads", 64)
    )


def _text(head: SignedHead, key: LogKey) -> str:
    return f"{key.base}{head.hospital}\n{head.size}\n{b64encode(head.root).decode()}\n"


def _signature(line: str, origin: str) -> bytes:
    _, name, encoded = [*line.split(" "), "", "", ""][:3]
    return _base64(encoded) if name == origin else b""


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise ProtocolError("encoding.not_canonical", "base64") from None
