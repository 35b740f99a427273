"""One-time tokens.

Invariant: a token is known to whom it was given; the database has its SHA-256. It is random with 256 bits, so a fast hash is enough.
"""

import hashlib
import hmac
import secrets
from uuid import UUID

from django.conf import settings

from wardline_client.protocol import encode


def new_token() -> str:
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def token_of_action(purpose: str, person_id: UUID, key: UUID) -> str:
    """The token that this action of this person makes: a retry with its Idempotency-Key gets the same one, stored nowhere."""
    message = f"wardline/1 {purpose}\0{person_id}\0{key}".encode()
    return encode(hmac.digest(settings.SECRET_KEY.encode(), message, "sha256"))
