"""A client's public keys, as a registrar gives them or the client publishes them.

Invariant: a key counts if it is public and fit for RS384 or ES384; a private one is refused before anything is stored, and is spoilt. What
an address publishes is kept for minutes in the cache; an unknown key id is looked for once more, so that a client may change its keys.
"""

import hashlib
from typing import Any, Final

import redis
from django.core.cache import cache
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from backend.errors import Invalid, Unavailable
from identity import outbound

ALGORITHMS: Final = ["RS384", "ES384"]
MOST_KEYS: Final = 8
RSA_AT_LEAST: Final = 2048  # bits
KEPT: Final = 300  # seconds in the cache
AGAIN: Final = 15  # seconds between two looks for an unknown key
PRIVATE: Final = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def checked(given: object) -> dict[str, Any]:
    """A JWK Set of public keys, with nothing in it but what is needed (RFC 7517, 5).

    Raises:
        Invalid: ``client.key_private``, ``client.keys_unfit``.
    """
    keys = given.get("keys") if isinstance(given, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MOST_KEYS or not all(isinstance(key, dict) for key in keys):
        raise _unfit()
    if any(key.keys() & PRIVATE for key in keys):
        raise Invalid("client.key_private", "This set holds a private key. It is spoilt now: make a new pair and give its public half.")
    found = [_checked_key(key) for key in keys]
    if len({key["kid"] for key in found}) != len(found):
        raise _unfit()
    return {"keys": found}


def _checked_key(given: dict[str, Any]) -> dict[str, Any]:
    kid, kind = given.get("kid"), given.get("kty")
    is_named = isinstance(kid, str) and 0 < len(kid) <= 128
    try:
        if kind == "RSA":
            rsa = RSAKey.import_key({name: given[name] for name in ("kty", "n", "e")})
            is_fit, algorithm = rsa.public_key.key_size >= RSA_AT_LEAST, "RS384"
            public = rsa.as_dict(private=False)
        else:
            ec = ECKey.import_key({name: given[name] for name in ("kty", "crv", "x", "y")})
            is_fit, algorithm = given["crv"] == "P-384", "ES384"
            public = ec.as_dict(private=False)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unfit() from error
    if not (is_named and is_fit and given.get("use", "sig") == "sig" and given.get("alg", algorithm) == algorithm):
        raise _unfit()
    return {name: public[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in public} | {
        "kid": kid,
        "alg": algorithm,
        "use": "sig",
    }


def _unfit() -> Invalid:
    sentence = f"Give 1 to {MOST_KEYS} public keys, each with its own kid: RSA of {RSA_AT_LEAST} bits or more (RS384) or EC P-384 (ES384)."
    return Invalid("client.keys_unfit", sentence)


def published(url: str) -> dict[str, Any]:
    """What the address publishes now.

    Raises: as ``checked``; Invalid: ``client.keys_address``; Unavailable: ``client.keys_unreachable``.
    """
    try:
        answer = outbound.call("GET", url)
    except Invalid as error:
        raise Invalid("client.keys_address", "Keys are fetched by https, from where this service may go.") from error
    except Unavailable as error:
        raise _unreachable() from error
    if answer.status != 200:
        raise _unreachable()
    return checked(answer.members())


def key_set(keys: dict[str, Any] | None, url: str, kid: str) -> KeySet:
    """The client's keys for an assertion that names ``kid``. Raises as ``published``."""
    if keys is None:
        keys = _kept(url)
        if keys is None or (kid not in {key["kid"] for key in keys["keys"]} and _may_look_again(url)):
            keys = published(url)
            _keep(url, keys)
    return KeySet.import_key_set(keys)  # type: ignore[arg-type]


def _kept(url: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] | None = cache.get(_cached_as("keys", url))
    except redis.RedisError:
        return None
    return found


def _keep(url: str, keys: dict[str, Any]) -> None:
    try:
        cache.set(_cached_as("keys", url), keys, timeout=KEPT)
    except redis.RedisError:
        return


def _may_look_again(url: str) -> bool:
    """A stranger may send assertions with invented key ids all day; the address is asked for news at most so often."""
    try:
        return bool(cache.add(_cached_as("asked", url), 1, timeout=AGAIN))
    except redis.RedisError:
        return True


def _cached_as(what: str, url: str) -> str:
    return f"jwks:{what}:{hashlib.sha256(url.encode()).hexdigest()}"


def _unreachable() -> Unavailable:
    return Unavailable("client.keys_unreachable", "The address of the client's keys does not answer with a JWK Set.")
