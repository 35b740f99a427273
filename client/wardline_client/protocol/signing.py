"""Ed25519 with a label in front of everything signed, so that no signature of one kind passes for another.

Invariant: nothing is signed or verified without its label; ``verify_text`` is for other people's format, whose first line is one.
"""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wardline_client.protocol.encoding import sha256
from wardline_client.protocol.errors import ProtocolError


def kid(public: bytes) -> bytes:
    """16 bytes that name a public key, X-Wing or Ed25519."""
    return sha256(public)[:16]


def digits(text: bytes) -> str:
    """Six groups of five digits of a digest, for people to compare."""
    digest = sha256(text)
    return " ".join(f"{int.from_bytes(digest[start : start + 5], 'big') % 100_000:05d}" for start in range(0, 30, 5))


class SigningKey:
    """An Ed25519 private key, from its 32-byte seed."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.kid = kid(self.public)

    def sign(self, label: str, *digests: bytes) -> bytes:
        return self._key.sign(_message(label, digests))


# Loading a point costs about as much as verifying with it, and a busy server sees the same few thousand devices all night.
@lru_cache(maxsize=16_384)
def _loaded(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


def verify(public: bytes, label: str, digests: tuple[bytes, ...], signature: bytes) -> None:
    """Raises ``signature.invalid``."""
    try:
        _loaded(public).verify(signature, _message(label, digests))
    except (InvalidSignature, ValueError):
        raise ProtocolError("signature.invalid", label) from None


def verify_text(public: bytes, text: str, signature: bytes) -> None:
    """Ed25519 over a signed note's text (C2SP). Raises ``signature.invalid``."""
    try:
        _loaded(public).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        raise ProtocolError("signature.invalid", "note") from None


def _message(label: str, digests: tuple[bytes, ...]) -> bytes:
    return f"wardline/1 {label}".encode() + b"\x00" + b"".join(digests)
