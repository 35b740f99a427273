"""Signed notes (C2SP signed-note) and the text of a checkpoint (C2SP tlog-checkpoint).

Invariant: what is signed is the text up to and with its last newline; a key goes by its name and by an id that depends on both. No Django.
"""

import hashlib
from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = b"\x01"


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
    return hashlib.sha256(name.encode() + b"\n" + typed_public_key).digest()[:4]


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
