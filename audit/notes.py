"""Signed notes (C2SP signed-note) and the text of a checkpoint (C2SP tlog-checkpoint).

Invariant: what is signed is the text up to and with its last newline; a key goes by its name and by an id that depends on both. No Django.
"""

import binascii
import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519, COSIGNATURE = b"\x01", b"\x04"  # signature types
ROOT_BYTES = 32
KEY_ID_BYTES = 4
TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint that was read. ``body`` is what its signatures are over; they are ``(name, key id, signature)``."""

    origin: str
    size: int
    root: bytes
    body: bytes
    signatures: list[tuple[str, bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Key:
    """A verifier key: ``<name>+<key id>+<base64 of type and public key>``."""

    name: str
    key_id: bytes
    kind: bytes
    public: bytes

    @classmethod
    def parse(cls, text: str) -> "Key":
        """Raises: ValueError: it is none, or of a kind that is not known here."""
        name, identifier, encoded = text.split("+", 2)
        typed = b64decode(encoded, validate=True)
        expected = key_id(name, typed)
        if not name or typed[:1] not in (ED25519, COSIGNATURE) or len(typed) != 33 or identifier != expected.hex():
            raise ValueError(f"{text} is not a verifier key.")
        return cls(name, expected, typed[:1], typed[1:])

    def find_cosignature(self, lines: str, body: bytes) -> str | None:
        """The line among ``lines`` with which this witness has cosigned ``body`` (C2SP tlog-cosignature), spelt anew; ``None``: there is
        none."""
        public = Ed25519PublicKey.from_public_bytes(self.public)
        for name, identifier, signature in parse_signatures(lines):
            if (name, identifier) != (self.name, self.key_id):
                continue
            said = b"cosignature/v1\ntime %d\n" % int.from_bytes(signature[:TIME_BYTES], "big") + body
            try:
                public.verify(signature[TIME_BYTES:], said)
            except InvalidSignature:
                continue
            return f"\u2014 {name} {b64encode(identifier + signature).decode()}\n"
        return None


def parse(note: str) -> Note | None:
    """``None`` for what is no signed checkpoint. Whether a signature holds is not looked at."""
    text, separator, lines = note.rpartition("\n\n")
    fields = text.split("\n")
    signatures = parse_signatures(lines)
    try:
        size, root = int(fields[1]), b64decode(fields[2], validate=True)
    except (ValueError, IndexError):
        return None
    if not separator or not fields[0] or not signatures or len(root) != ROOT_BYTES or str(size) != fields[1] or size < 0:
        return None
    return Note(fields[0], size, root, f"{text}\n".encode(), signatures)


def parse_signatures(lines: str) -> list[tuple[str, bytes, bytes]]:
    """``(name, key id, signature)`` of every line; none at all when one of them is no signature line."""
    found = []
    for line in lines.removesuffix("\n").split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        try:
            signature = b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            return []
        if dash != "\u2014" or not name or len(signature) <= KEY_ID_BYTES:
            return []
        found.append((name, signature[:KEY_ID_BYTES], signature[KEY_ID_BYTES:]))
    return found


def checkpoint_text(*, origin: str, size: int, root: bytes) -> str:
    return f"{origin}\n{size}\n{b64encode(root).decode()}\n"


def verifier_key(name: str, key: Ed25519PrivateKey) -> str:
    """What somebody needs to check notes under ``name``: ``<name>+<id>+<base64>``."""
    public = ED25519 + _public(key)
    return f"{name}+{key_id(name, public).hex()}+{b64encode(public).decode()}"


def sign(text: str, *, name: str, key: Ed25519PrivateKey) -> str:
    """The note: text, empty line, one signature line.

    Raises:
        ValueError: a text that does not end its last line.
    """
    if not text.endswith("\n"):
        raise ValueError("A note's text ends with a newline.")
    signature = key_id(name, ED25519 + _public(key)) + key.sign(text.encode())
    return f"{text}\n\u2014 {name} {b64encode(signature).decode()}\n"


def key_id(name: str, typed_public_key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + typed_public_key).digest()[:KEY_ID_BYTES]


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
