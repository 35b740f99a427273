"""How the web client's files may be kept by a browser.

Invariant: a file whose name carries its hash may be kept for ever; every other one (the page, the service worker, the manifest) is asked
for again each time, so that a mended client reaches every phone at its next start.
"""

import re
from collections.abc import MutableMapping

HASHED = re.compile(r"^/assets/.+-[A-Za-z0-9_-]{8}\.\w+$")


def is_hashed(path: str, url: str) -> bool:
    return bool(HASHED.match(url))


def add_headers(headers: MutableMapping[str, str], path: str, url: str) -> None:
    if not is_hashed(path, url):
        headers["Cache-Control"] = "no-cache"
