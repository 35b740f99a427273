"""Seeds: the keys they make, the earlier seeds they open, and their wrapped copies (section 3).

Invariant: a seed leaves this module only sealed; every wrapped copy needs a secret the server does not have.
"""

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wardline_client.protocol.encoding import sha256
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.hpke import KemKey, seal
from wardline_client.protocol.signing import SigningKey, digits

SEED_LENGTH: Final = 32
PRF_EVAL: Final = b"wardline/1 prf"
WRAP_KINDS: Final = frozenset({"passkey", "recovery", "device"})
_SECRET_LENGTH: Final = {"passkey": 32, "recovery": 16, "device": 32}
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH: Final = 26


def hkdf(ikm: bytes, info: bytes, length: int = 32) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(ikm)


def labelled(label: str, context: bytes) -> bytes:
    return label.encode() + b"\x00" + context


def new_seed() -> bytes:
    return os.urandom(SEED_LENGTH)


@dataclass(frozen=True)
class PrincipalKeys:
    """The key pairs of one generation of a principal. A duty role uses ``kem`` alone."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_LENGTH:
            raise ProtocolError("wrap.unreadable", "a seed has 32 bytes")

    @cached_property
    def kem(self) -> KemKey:
        return KemKey(hkdf(self.seed, b"wardline/1 kem"))

    @cached_property
    def sign(self) -> SigningKey:
        return SigningKey(hkdf(self.seed, b"wardline/1 sign"))


def fingerprint(*, kem: bytes, sign: bytes) -> str:
    """What people compare, read aloud, before a registrar signs: six groups of five digits over both public keys (section 3)."""
    return digits(labelled("wardline/1 fingerprint", kem + sign))


def root_key(code: bytes) -> SigningKey:
    """A hospital's root key, from the 16 bytes of its printed code."""
    return SigningKey(hkdf(code, b"wardline/1 root"))


def seal_history(*, former: bytes, current: bytes, principal: UUID, generation: int) -> bytes:
    """``history[generation]``: the seed of ``generation`` under the seed of the next one."""
    key, nonce = _history_key(current, principal, generation)
    return AESGCM(key).encrypt(nonce, former, None)


def open_history(*, sealed: bytes, current: bytes, principal: UUID, generation: int) -> bytes:
    """The seed of ``generation``, given the seed of the next one. Raises ``wrap.unreadable``."""
    key, nonce = _history_key(current, principal, generation)
    return _open(key, nonce, sealed, None)


def wrap_seed(*, kind: str, seed: bytes, secret: bytes, share: bytes, person: UUID, nonce: bytes | None = None) -> bytes:
    """A copy of a user's seed that needs ``secret`` and the server's ``share``. ``nonce`` is given by the vectors only."""
    nonce = nonce or os.urandom(12)
    aad = str(person).encode()
    return nonce + AESGCM(_wrap_key(kind, secret, share, person)).encrypt(nonce, seed, aad)


def unwrap_seed(*, kind: str, wrap: bytes, secret: bytes, share: bytes, person: UUID) -> bytes:
    """Raises ``wrap.unreadable``."""
    return _open(_wrap_key(kind, secret, share, person), wrap[:12], wrap[12:], str(person).encode())


def seal_role_seed(*, seed: bytes, user_kem: bytes, role_statement: bytes) -> bytes:
    """A role's seed for one eligible user, bound to the header of the role's statement (section 9)."""
    return seal(user_kem, seed, labelled("wardline/1 role-seed", sha256(role_statement)))


def open_role_seed(*, sealed: bytes, user_kem: KemKey, role_statement: bytes) -> bytes:
    """Raises ``wrap.unreadable``."""
    seed = user_kem.open(sealed, labelled("wardline/1 role-seed", sha256(role_statement)))
    if len(seed) != SEED_LENGTH:
        raise ProtocolError("wrap.unreadable")
    return seed


def format_recovery_code(secret: bytes) -> str:
    """16 bytes as printed: Crockford base32 in groups of five, the last group has six."""
    if len(secret) != 16:
        raise ValueError("a recovery secret has 16 bytes")
    number = int.from_bytes(secret, "big") << 2
    digits = "".join(_CROCKFORD[number >> 5 * place & 31] for place in reversed(range(_CODE_LENGTH)))
    return "-".join([*(digits[start : start + 5] for start in range(0, 20, 5)), digits[20:]])


def parse_recovery_code(code: str) -> bytes:
    """Read a typed code forgivingly; raises ``encoding.not_canonical``."""
    folded = re.sub(r"[ -]", "", code).upper().translate(str.maketrans("OIL", "011"))
    if len(folded) != _CODE_LENGTH or any(character not in _CROCKFORD for character in folded):
        raise ProtocolError("encoding.not_canonical", "recovery code")
    number = 0
    for character in folded:
        number = number << 5 | _CROCKFORD.index(character)
    if number & 3:
        raise ProtocolError("encoding.not_canonical", "recovery code")
    return (number >> 2).to_bytes(16, "big")


def _history_key(current: bytes, principal: UUID, generation: int) -> tuple[bytes, bytes]:
    material = hkdf(current, labelled("wardline/1 history", f"{principal}:{generation}".encode()), 44)
    return material[:32], material[32:]


def _wrap_key(kind: str, secret: bytes, share: bytes, person: UUID) -> bytes:
    if kind not in WRAP_KINDS or len(secret) != _SECRET_LENGTH[kind] or len(share) != 32:
        raise ProtocolError("wrap.unreadable", "kind or length")
    return hkdf(secret + share, labelled(f"wardline/1 wrap-{kind}", str(person).encode()))


def _open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes | None) -> bytes:
    try:
        seed = AESGCM(key).decrypt(nonce, sealed, aad)
    except (InvalidTag, ValueError):
        raise ProtocolError("wrap.unreadable") from None
    if len(seed) != SEED_LENGTH:
        raise ProtocolError("wrap.unreadable")
    return seed
