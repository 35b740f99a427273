"""WebAuthn challenges between the two halves of a ceremony.

Invariant: a challenge lives in the server-side session, for one purpose and (when joining) one token, for five minutes, and is gone once
looked at, whether what came with it was good or not.
"""

import time
from typing import Final, Literal

from django.contrib.sessions.backends.base import SessionBase

from backend.errors import Unauthenticated
from wardline_client.protocol import decode, encode

Purpose = Literal["sign-in", "join", "link", "recover", "setup", "by-passkey"]
LIFETIME: Final = 300  # seconds
_NAME: Final = "challenge"


def keep(session: SessionBase, challenge: bytes, *, purpose: Purpose, token_hash: bytes = b"") -> None:
    session[_NAME] = {"value": encode(challenge), "purpose": purpose, "token": encode(token_hash), "at": int(time.time())}


def take(session: SessionBase, *, purpose: Purpose, token_hash: bytes = b"") -> bytes:
    """The challenge, once.

    Raises:
        Unauthenticated: ``challenge.unknown``: never given, given for something else, too old or taken already.
    """
    kept = session.pop(_NAME, None)
    is_good = (
        kept is not None and kept["purpose"] == purpose and kept["token"] == encode(token_hash) and time.time() - kept["at"] <= LIFETIME
    )
    if not is_good:
        raise Unauthenticated("challenge.unknown", "Start again: this attempt took too long or was made before.")
    return decode(kept["value"])
