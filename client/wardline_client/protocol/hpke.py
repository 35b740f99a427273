"""HPKE base mode with X-Wing, HKDF-SHA256 and AES-256-GCM, thin over ``cryptography`` (section 1).

Invariant: a key is spoken of by its 32-byte seed or its 1,216-byte public form only; ``info`` carries all context, ``aad`` is
always empty.
"""

import hashlib
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from wardline_client.protocol.encoding import sha256
from wardline_client.protocol.errors import ProtocolError

PUBLIC_KEY_LENGTH: Final = 1_216
OVERHEAD: Final = 1_120 + 16
_ML_KEM_LENGTH: Final = 1_184
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class KemKey:
    """An X-Wing private key, from its 32-byte seed (X-Wing draft, expandDecapsulationKey)."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != 32:
            raise ValueError("an X-Wing seed has 32 bytes")
        expanded = hashlib.shake_256(seed).digest(96)
        ml_kem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self._key = MLKEM768X25519PrivateKey(ml_kem, x25519)
        self.public = ml_kem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        self.kid = sha256(self.public)[:16]

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Raises ``wrap.unreadable`` when it was not sealed to this key under this ``info``."""
        try:
            return _SUITE.decrypt(sealed, self._key, info=info)
        except (InvalidTag, ValueError):
            raise ProtocolError("wrap.unreadable") from None


@lru_cache(maxsize=4096)
def _public_key(public: bytes) -> MLKEM768X25519PublicKey:
    if len(public) != PUBLIC_KEY_LENGTH:
        raise ValueError("an X-Wing public key has 1,216 bytes")
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:_ML_KEM_LENGTH]),
        X25519PublicKey.from_public_bytes(public[_ML_KEM_LENGTH:]),
    )


def seal(public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """``enc || ciphertext``.

    Raises:
        ProtocolError: ``wrap.unreadable`` when the public key is none: nobody could open the result.
    """
    try:
        return _SUITE.encrypt(plaintext, _public_key(public), info=info)
    except ValueError as error:
        raise ProtocolError("wrap.unreadable", str(error)) from None
