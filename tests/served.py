"""What the service answers to, read from its code: so that a table of it can be complete."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.urls import URLPattern, URLResolver

ROOT = Path(__file__).resolve().parents[1]


def routes(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every address of a URLconf, with its methods."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            methods = {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)} if view else {"GET"}
            yield route, methods


def commands() -> set[str]:
    """What the socket understands."""
    source = "".join((ROOT / "messaging" / name).read_text(encoding="utf-8") for name in ("consumer.py", "requests.py"))
    found = re.findall(r'case "(\w+)":|get\("do"\) == "(\w+)"', source)
    return {first or second for first, second in found}
