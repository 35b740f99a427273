"""Secrets that other services gave us, kept.

Invariant: what the database holds of them is AES-256-GCM under a key derived from ``SECRET_KEY``, bound to what it is a secret of, so that
one row's secret cannot be moved to another row. They leave this service only towards whoever gave them. With another ``SECRET_KEY`` they
are unreadable and have to be entered or fetched anew.
"""

import os
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE: Final = 12  # bytes


class Unreadable(Exception):
    """It was sealed under another ``SECRET_KEY`` or for something else."""


def seal(plain: str, *, purpose: str) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + _key(settings.SECRET_KEY).encrypt(nonce, plain.encode(), purpose.encode())


def unseal(sealed: bytes, *, purpose: str) -> str:
    """Raises: Unreadable."""
    try:
        return _key(settings.SECRET_KEY).decrypt(sealed[:NONCE], sealed[NONCE:], purpose.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise Unreadable from error


@cache
def _key(secret: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"wardline/1 secrets of other services").derive(secret.encode()))
