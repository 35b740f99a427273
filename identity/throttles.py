"""Limits on what strangers may try, by network address.

Invariant: a limit protects the service from load and makes guessing visible; it is not what keeps anybody out (tokens have 256 bits,
passkeys cannot be guessed). So a Redis that is down lets people sign in. A whole hospital may come from one address: what fails is counted
far lower than what is tried. Nothing is counted by person, passkey or device, and nothing longer than a minute: whoever knows a colleague's
passkey by its name must not be able to keep them out.
"""

import ipaddress
import logging
import math
import time
from typing import Any

import redis
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from backend.errors import TooMany

WINDOW = 60  # seconds
ATTEMPTS = 600  # per address and window
FAILURES = 30

log = logging.getLogger(__name__)


def address_of(request: Request) -> str:
    """The client's address; an IPv6 client commands a whole /64, so that counts as one.

    ``X-Forwarded-For`` is believed only as far as ``NUM_PROXIES`` of our own proxies wrote it: its left end is the client's to invent.
    """
    address = str(request.META.get("REMOTE_ADDR") or "")
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if api_settings.NUM_PROXIES and forwarded:
        address = forwarded[-min(api_settings.NUM_PROXIES, len(forwarded))]
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address


class AttemptThrottle(BaseThrottle):
    """Counts every call."""

    name, limit, counts_all = "attempts", ATTEMPTS, True

    def allow_request(self, request: Request, view: Any) -> bool:
        """Raises: TooMany: ``sign_in.too_many``."""
        count = self.count(request) if self.counts_all else self.counted(request)
        if count > self.limit:
            sentence = "Too many attempts from this network. Nobody is locked out: try again in a minute."
            raise TooMany("sign_in.too_many", sentence, retry_after=math.ceil(WINDOW - time.time() % WINDOW))
        return True

    def counted(self, request: Request) -> int:
        try:
            return int(cache.get(self._key(request)) or 0)
        except redis.RedisError:
            return self._unlimited()

    def count(self, request: Request) -> int:
        try:
            cache.add(self._key(request), 0, timeout=2 * WINDOW)
            return int(cache.incr(self._key(request)))
        except (redis.RedisError, ValueError):  # ValueError: the key expired between the two
            return self._unlimited()

    def _key(self, request: Request) -> str:
        return f"throttle:{self.name}:{address_of(request)}:{int(time.time() // WINDOW)}"

    def _unlimited(self) -> int:
        log.warning("rate limits are off: Redis does not answer")
        return 0


class FailureThrottle(AttemptThrottle):
    """Counts what was refused (``StrangersView`` tells it)."""

    name, limit, counts_all = "failures", FAILURES - 1, False
