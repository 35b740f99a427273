"""Calls to a hospital's own servers: its identity provider, its keys, its webhooks.

Invariant: an address that a registrar typed leads nowhere else than to an https server on a public address or in a network that the
operator lists (``OIDC_NETWORKS``): the name is resolved once, judged, and that very address is connected to, so that a name which changes
its mind in between (DNS rebinding) gains nothing. No redirect is followed, no proxy of the environment asked; an answer is bounded in size
and time. Loopback and plain http are for the demo and the tests.
"""

import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import httpx
from django.conf import settings

from backend.errors import Invalid, Unavailable

SECONDS: Final = 5.0  # for all of a call
MOST: Final = 256 * 1024  # bytes of an answer


class Answer(NamedTuple):
    status: int
    body: bytes

    def members(self) -> dict[str, Any]:
        """The JSON object it is; none, if it is another thing."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def call(
    method: str, url: str, *, form: Mapping[str, str] | None = None, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """One call, no second try, with a ``form`` or a ``body``.

    Raises:
        Invalid: ``sso.address_refused``: not https, or somewhere this service does not go.
        Unavailable: ``sso.unreachable``: no answer within the bounds.
    """
    parts = checked(url)
    try:
        address = _resolve(parts)
        target = httpx.URL(url).copy_with(host=address)
        sent = {"Host": parts.netloc, "Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        with (
            httpx.Client(verify=_trust(settings.OIDC_CA_FILE), trust_env=False, follow_redirects=False, timeout=SECONDS) as client,
            client.stream(method, target, data=form, content=body, headers=sent, extensions={"sni_hostname": parts.hostname}) as response,
        ):
            return Answer(response.status_code, _bounded(response))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise unreachable() from error


def checked(url: str) -> SplitResult:
    """The address in its parts, if it may be one of a provider at all. Raises: Invalid: ``sso.address_refused``."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.fragment
    except ValueError:
        raise _refused() from None
    schemes = ("https", "http") if settings.MODE == "demo" else ("https",)
    if parts.scheme not in schemes or not is_whole:
        raise _refused()
    return parts


def unreachable() -> Unavailable:
    return Unavailable("sso.unreachable", "The hospital's sign-in service does not answer. Try again in a moment.")


def _resolve(parts: SplitResult) -> str:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    # All of them: a name with one good and one bad address is not asked twice until the bad one comes first.
    if not addresses or not all(map(_is_allowed, addresses)):
        raise _refused()
    return addresses[0]


def _is_allowed(text: str) -> bool:
    address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return bool(settings.MODE == "demo")
    is_public = address.is_global and not address.is_multicast
    return is_public or any(address in network for network in settings.OIDC_NETWORKS)


def _bounded(response: httpx.Response) -> bytes:
    deadline, body = time.monotonic() + SECONDS, b""
    for part in response.iter_raw():
        body += part
        if len(body) > MOST or time.monotonic() > deadline:
            raise unreachable()
    return body


def _refused() -> Invalid:
    return Invalid("sso.address_refused", "The address must be https and on a network that this service may reach.")


@cache
def _trust(authorities: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities or None)
