"""A client's proof of who it is: a JWT signed with its own key (RFC 7523; SMART App Launch 2.2, Asymmetric Client Authentication).

Invariant: an assertion counts only with the signature of a key of the very client that it names, by RS384 or ES384, for our token address
alone, and for five minutes at most. That it counts once is ``services.tokens``'s to see to. Until its signature is good every fault is one
answer, so that a stranger learns of no client.
"""

import base64
import json
import time
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from joserfc import jws, jwt
from joserfc.errors import JoseError

from backend.errors import Unauthenticated
from integration.keys import ALGORITHMS, key_set
from integration.models import Client

LONGEST_LIFE: Final = 300  # seconds
LEEWAY: Final = 30  # seconds two clocks may differ
TOKEN_PATH: Final = "/fhir/token"  # noqa: S105 -- an address
_FAULTS: Final = (JoseError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


class Claim(NamedTuple):
    """Whom an assertion names, before anything of it is proved."""

    client_id: UUID
    kid: str
    jku: str


class Proof(NamedTuple):
    jti: str
    expires_at: int


def audience() -> str:
    return settings.PUBLIC_URL + TOKEN_PATH


def claimed(assertion: str) -> Claim:
    """Raises: Unauthenticated: ``client.refused``."""
    try:
        header, payload = (_members(part) for part in assertion.split(".")[:2])
        return Claim(UUID(_text(payload["iss"])), _text(header["kid"]), _text(header.get("jku", "-")))
    except _FAULTS as error:
        raise refused() from error


def verified(assertion: str, claim: Claim, client: Client) -> dict[str, Any]:
    """The claims under a good signature of ``client``. Raises: Unauthenticated: ``client.refused``; and as ``keys.key_set``."""
    if claim.jku not in ("-", client.keys_url):
        raise refused()
    keys = key_set(client.keys, client.keys_url, claim.kid)
    try:
        registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        return dict(jwt.decode(assertion, keys, algorithms=ALGORITHMS, registry=registry).claims)
    except _FAULTS as error:
        raise refused() from error


def proof_of(claims: dict[str, Any], client: Client) -> Proof:
    """What the signed claims have to say.

    Raises: Unauthenticated: ``assertion.malformed``, ``assertion.other_audience``, ``assertion.expired``, ``assertion.too_long``.
    """
    try:
        is_itself = {_text(claims["iss"]), _text(claims["sub"])} == {str(client.pk)}
        audiences = [claims["aud"]] if isinstance(claims["aud"], str) else list(claims["aud"])
        expires_at, begins_at, jti = _seconds(claims["exp"]), _seconds(claims.get("nbf", 0)), _text(claims["jti"])
    except _FAULTS as error:
        raise _malformed() from error
    if not is_itself:
        raise _malformed()
    if audiences != [audience()]:
        raise Unauthenticated("assertion.other_audience", f"The assertion's aud must be {audience()}.")
    now = time.time()
    if expires_at <= now - LEEWAY or begins_at > now + LEEWAY:
        raise Unauthenticated("assertion.expired", "The assertion's time is over, or has not begun. Compare the clocks and sign a new one.")
    if expires_at > now + LONGEST_LIFE + LEEWAY:
        raise Unauthenticated("assertion.too_long", "The assertion's exp is more than five minutes ahead.")
    return Proof(jti, expires_at)


def refused() -> Unauthenticated:
    return Unauthenticated("client.refused", "There is no such client, it is revoked, or the assertion is not signed by a key of its own.")


def _malformed() -> Unauthenticated:
    return Unauthenticated("assertion.malformed", "The assertion needs iss and sub (both the client's id), aud, exp and jti.")


def _members(part: str) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return dict(found)


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise ValueError
    return value


def _seconds(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    return int(value)
