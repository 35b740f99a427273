"""A second signature under every checkpoint, which a quantum computer does not forge (C2SP tlog-cosignature: ML-DSA-44, type 0x06).

Invariant: it stands beside the Ed25519 signature and never in its place; who does not know it passes it over, whose policy names its key
refuses a checkpoint without it. It is over size and root under the log's own name. Off until ``AUDIT_MLDSA_KEY_FILE`` is set. No model, no
table.
"""

import struct
import time
from base64 import b64encode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from audit.notes import Note, key_id

MLDSA44 = b"\x06"  # signature type
LABEL = b"subtree/v1\n\0"


def second_verifier_key(name: str, key: MLDSA44PrivateKey) -> str:
    public = _typed(key)
    return f"{name}+{key_id(name, public).hex()}+{b64encode(public).decode()}"


def second_line(*, origin: str, size: int, root: bytes, key: MLDSA44PrivateKey) -> str:
    """The line to add to the note of this checkpoint, dated now by this host's clock."""
    at = struct.pack(">Q", int(time.time()))
    signature = key_id(origin, _typed(key)) + at + key.sign(_said(origin, at, size, root))
    return f"\u2014 {origin} {b64encode(signature).decode()}\n"


def is_second_true(note: Note, key: MLDSA44PublicKey) -> bool:
    """Whether every line of this key holds; also where there is none."""
    identifier = key_id(note.origin, MLDSA44 + key.public_bytes_raw())
    own = [signature for name, known, signature in note.signatures if (name, known) == (note.origin, identifier)]
    try:
        for signature in own:
            key.verify(signature[8:], _said(note.origin, signature[:8], note.size, note.root))
    except InvalidSignature:
        return False
    return True


def _said(origin: str, at: bytes, size: int, root: bytes) -> bytes:
    name = origin.encode()
    sized = bytes([len(name)]) + name
    return LABEL + sized + at + sized + struct.pack(">QQ", 0, size) + root


def _typed(key: MLDSA44PrivateKey) -> bytes:
    return MLDSA44 + key.public_key().public_bytes_raw()
