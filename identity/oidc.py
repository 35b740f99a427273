"""OpenID Connect, as a relying party: discovery, the code's exchange, and what a token has to show.

Invariant: a token counts only with a signature of the very provider that was asked, by one of ``ALGORITHMS`` (no ``none``, nothing
symmetric), for this client alone, fresh, and answering our own nonce. Nothing here touches the database; what a provider publishes is kept
for minutes in the cache, and an unknown key is looked for once more, so that a provider may change its keys at any moment.
"""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

import redis
from django.core.cache import cache
from joserfc import jws, jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from backend.errors import Invalid, Unauthenticated
from identity import outbound
from wardline_client.protocol import encode

ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
LEEWAY: Final = 60  # seconds two clocks may differ
FRESH: Final = 600  # seconds since a token was made
KEPT: Final = 600  # seconds in the cache
AGAIN: Final = 15  # seconds between two looks for an unknown key
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
# Other signed things of a provider (access tokens, logout tokens) are no ID tokens, whatever their claims (RFC 8725, 3.11).
ID_TOKEN_TYPES: Final = {None, "JWT"}
LOGOUT_TOKEN_TYPES: Final = {None, "JWT", "LOGOUT+JWT"}
_REFUSED: Final = (JoseError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Client:
    """What the provider knows this service as."""

    issuer: str
    client_id: str
    secret: str


class Metadata(NamedTuple):
    """Of OpenID Connect Discovery 1.0, what is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    names_itself: bool  # in every authorization response (RFC 9207)
    takes_basic: bool


class Identity(NamedTuple):
    """Whom an ID token is about; ``authenticated_at`` in seconds since 1970."""

    subject: str
    authenticated_at: int
    provider_session: str
    label: str


class Logout(NamedTuple):
    """Whom a logout token is about: a subject, a session of the provider, or both."""

    subject: str
    provider_session: str
    id: str
    expires_at: int


class Tokens(NamedTuple):
    id_token: str
    refresh_token: str


class GrantRefused(Exception):
    """The provider said that this code or refresh token is worth nothing (any more): ``invalid_grant``."""


def discover(issuer: str, *, is_fresh: bool = False) -> Metadata:
    """What the provider says about itself; ``is_fresh``: ask it now.

    Raises:
        Invalid: ``sso.address_refused``, ``sso.issuer_mismatch``, ``sso.issuer_unfit``. Unavailable: ``sso.unreachable``.
    """
    found = _document(issuer.rstrip("/") + "/.well-known/openid-configuration", is_fresh=is_fresh)
    if found.get("issuer") != issuer:
        raise Invalid(
            "sso.issuer_mismatch", "The provider names itself otherwise. Copy the issuer exactly as it stands in its configuration."
        )
    authorization, token, keys = (found.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"))
    offered, challenges = found.get("response_types_supported"), found.get("code_challenge_methods_supported")
    can_code = isinstance(offered, list) and "code" in offered
    # Left out, it says nothing about PKCE; listed without S256, it says that there is none.
    can_prove = challenges is None or (isinstance(challenges, list) and "S256" in challenges)
    if not (isinstance(authorization, str) and isinstance(token, str) and isinstance(keys, str) and can_code and can_prove):
        raise Invalid("sso.issuer_unfit", "The provider does not offer the authorization code flow with PKCE (S256).")
    for endpoint in (authorization, token, keys):
        outbound.checked(endpoint)
    takes_basic = "client_secret_basic" in (found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"])
    names_itself = found.get("authorization_response_iss_parameter_supported") is True
    return Metadata(issuer, authorization, token, keys, names_itself, takes_basic)


def authorization_address(metadata: Metadata, **parameters: str) -> str:
    """Where the browser goes (RFC 6749, 4.1.1; RFC 7636)."""
    joint = "&" if "?" in metadata.authorization_endpoint else "?"
    return metadata.authorization_endpoint + joint + urlencode({"response_type": "code", **parameters}, quote_via=quote)


def challenge_of(verifier: str) -> str:
    """S256 of RFC 7636."""
    return encode(hashlib.sha256(verifier.encode()).digest())


def exchange(metadata: Metadata, client: Client, *, code: str, verifier: str, redirect_uri: str) -> Tokens:
    """Raises: GrantRefused. Unavailable: ``sso.unreachable``. Invalid: ``sso.client_refused``."""
    return _token_call(metadata, client, grant_type="authorization_code", code=code, code_verifier=verifier, redirect_uri=redirect_uri)


def refresh(metadata: Metadata, client: Client, refresh_token: str) -> Tokens:
    """Ask whether the account is still good; ``refresh_token`` of the answer is empty where the old one stays. Raises as ``exchange``."""
    return _token_call(metadata, client, grant_type="refresh_token", refresh_token=refresh_token)


def read_id_token(token: str, metadata: Metadata, client: Client, *, nonce: str, within: int) -> Identity:
    """OpenID Connect Core 1.0, 3.1.3.7. ``within``: how many seconds ago the person may have signed in at the provider.

    Raises: Unauthenticated: ``sso.token_refused``. Unavailable: ``sso.unreachable``.
    """
    claims = _verified(token, metadata, client, types=ID_TOKEN_TYPES)
    try:
        is_ours = (
            hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()) and claims.get("azp", client.client_id) == client.client_id
        )
        is_recent = _seconds(claims["auth_time"]) >= time.time() - within - LEEWAY
        if not (is_ours and is_recent and "events" not in claims):
            raise ValueError
        label = next((text for name in ("preferred_username", "email", "name") if isinstance(text := claims.get(name), str)), "")
        return Identity(_name(claims["sub"]), _seconds(claims["auth_time"]), _name(claims.get("sid"), may_lack=True), label[:255])
    except _REFUSED as error:
        raise _token_refused() from error


def read_logout_token(token: str, metadata: Metadata, client: Client) -> Logout:
    """OpenID Connect Back-Channel Logout 1.0, 2.6, but for ``jti``, which the caller takes once.

    Raises: as ``read_id_token``.
    """
    claims = _verified(token, metadata, client, types=LOGOUT_TOKEN_TYPES)
    try:
        subject, session = _name(claims.get("sub"), may_lack=True), _name(claims.get("sid"), may_lack=True)
        is_logout = isinstance(claims["events"][LOGOUT_EVENT], dict) and "nonce" not in claims and bool(subject or session)
        if not is_logout:
            raise ValueError
        return Logout(subject, session, _name(claims["jti"]), _seconds(claims["exp"]))
    except _REFUSED as error:
        raise _token_refused() from error


def unverified_origin(token: str) -> tuple[str, set[str]]:
    """Issuer and audiences that a token names, to find whose keys to verify it with. Raises: Unauthenticated: ``sso.token_refused``."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["iss"]), set(_audiences(claims))
    except (*_REFUSED, IndexError, RecursionError) as error:
        raise _token_refused() from error


def _verified(token: str, metadata: Metadata, client: Client, *, types: set[str | None]) -> dict[str, Any]:
    """The claims, if signature, issuer, audience and times are good."""
    try:
        try:
            found = _decoded(token, metadata.jwks_uri, is_fresh=False)
        except InvalidKeyIdError:
            found = _decoded(token, metadata.jwks_uri, is_fresh=_may_look_again(metadata.jwks_uri))
        claims, now, kind = found.claims, time.time(), found.header.get("typ")
        is_for_us = claims["iss"] == metadata.issuer and _audiences(claims) == [client.client_id]
        is_timely = _seconds(claims["exp"]) > now - LEEWAY and now - FRESH <= _seconds(claims["iat"]) <= now + LEEWAY
        if not (is_for_us and is_timely and (kind.upper() if isinstance(kind, str) else kind) in types):
            raise ValueError
    except _REFUSED as error:
        raise _token_refused() from error
    return dict(claims)


def _decoded(token: str, jwks_uri: str, *, is_fresh: bool) -> jwt.Token:
    keys = KeySet.import_key_set(_document(jwks_uri, is_fresh=is_fresh))  # type: ignore[arg-type]
    return jwt.decode(token, keys, algorithms=ALGORITHMS, registry=jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False))


def _may_look_again(jwks_uri: str) -> bool:
    """A stranger may send tokens with invented key ids all day; the provider is asked for news at most so often."""
    try:
        return bool(cache.add(_cached_as("asked", jwks_uri), 1, timeout=AGAIN))
    except redis.RedisError:
        return True


def _document(url: str, *, is_fresh: bool) -> dict[str, Any]:
    """Raises: Unavailable: ``sso.unreachable``, also for an answer that is no JSON object."""
    try:
        kept = None if is_fresh else cache.get(_cached_as("document", url))
    except redis.RedisError:
        kept = None
    if isinstance(kept, dict):
        return kept
    answer = outbound.call("GET", url)
    if answer.status != 200 or not (found := answer.members()):
        raise outbound.unreachable()
    try:
        cache.set(_cached_as("document", url), found, timeout=KEPT)
    except redis.RedisError:
        return found
    return found


def _cached_as(what: str, url: str) -> str:
    return f"oidc:{what}:{hashlib.sha256(url.encode()).hexdigest()}"


def _token_call(metadata: Metadata, client: Client, **form: str) -> Tokens:
    headers = {}
    if metadata.takes_basic:
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form |= {"client_id": client.client_id, "client_secret": client.secret}
    answer = outbound.call("POST", metadata.token_endpoint, form=form, headers=headers)
    members = answer.members()
    match answer.status, members.get("error"):
        case 200, None if isinstance(members.get("access_token"), str):
            return Tokens(str(members.get("id_token", "")), str(members.get("refresh_token", "")))
        case 400, "invalid_grant":
            raise GrantRefused
        case 400 | 401, "invalid_client" | "unauthorized_client":
            raise Invalid("sso.client_refused", "The provider does not take this service's client id and secret. Ask a registrar.")
    raise outbound.unreachable()


def _audiences(claims: dict[str, Any]) -> list[str]:
    audience = claims["aud"]
    return [audience] if isinstance(audience, str) else [str(one) for one in audience]


def _seconds(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    return int(value)


def _name(value: object, *, may_lack: bool = False) -> str:
    if value is None and may_lack:
        return ""
    if not isinstance(value, str) or not 0 < len(value) <= 255 or "\0" in value:
        raise ValueError
    return value


def _token_refused() -> Unauthenticated:
    return Unauthenticated("sso.token_refused", "What the hospital's sign-in service sent is not valid here. Start again.")
