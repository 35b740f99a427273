"""A second signature under every checkpoint, which a quantum computer does not forge (C2SP tlog-cosignature: ML-DSA-44, type 0x06).

Invariant: it stands beside the Ed25519 signature and never in its place; who does not know it passes it over, whose policy names its key
refuses a checkpoint without it. It is over size and root under the log's own name. Off until ``AUDIT_MLDSA_KEY_FILE`` is set. No model, no
table.
"""

import struct
import time
from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit.notes import key_id

MLDSA44 = b"\x06"  # signature type
LABEL = b"subtree/v1\n\0"


def second_verifier_key(name: str, key: MLDSA44PrivateKey) -> str:
    public = _typed(key)
    return f"{name}+{key_id(name, public).hex()}+{b64encode(public).decode()}"


def second_line(*, origin: str, size: int, root: bytes, key: MLDSA44PrivateKey) -> str:
    """The line to add to the note of this checkpoint, dated now by this host's clock."""
    seconds = int(time.time())
    name = origin.encode()
    sized = bytes([len(name)]) + name
    said = LABEL + sized + struct.pack(">Q", seconds) + sized + struct.pack(">QQ", 0, size) + root
    signature = key_id(origin, _typed(key)) + struct.pack(">Q", seconds) + key.sign(said)
    return f"\u2014 {origin} {b64encode(signature).decode()}\n"


def _typed(key: MLDSA44PrivateKey) -> bytes:
    return MLDSA44 + key.public_key().public_bytes_raw()
