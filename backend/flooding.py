"""How often a stranger's refusal is worth a record.

Invariant: what somebody without a sign-in can cause grows the audit log, which never shrinks, with the logarithm of how often they try:
of one refusal in a minute the 1st, 10th, 100th ... is recorded, with its count. A Redis that is down costs no record.
"""

import hashlib
import logging
import time

import redis
from django.core.cache import cache

WINDOW = 60  # seconds

log = logging.getLogger(__name__)


def count_to_record(*what: object) -> int | None:
    """How often ``what`` has happened in this minute, this time included, if that is to be recorded; else ``None``."""
    key = "refused:" + hashlib.sha256(repr([*map(str, what), int(time.time() // WINDOW)]).encode()).hexdigest()
    try:
        cache.add(key, 0, timeout=2 * WINDOW)
        count = int(cache.incr(key))
    except (redis.RedisError, ValueError):  # ValueError: the key expired between the two
        log.warning("strangers' refusals are not counted: Redis does not answer")
        return 1
    return count if str(count).rstrip("0") == "1" else None
