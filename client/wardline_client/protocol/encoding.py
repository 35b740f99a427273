"""Bytes to text and back, and the strict JSON of headers (section 2).

Invariant: what parses has exactly one meaning. A header that two parsers could read differently (a duplicate key, a float, a
second spelling of the same bytes) is refused here, before anything looks at its content.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NoReturn
from uuid import UUID

from wardline_client.protocol.errors import ProtocolError

MAX_HEADER: Final = 65_536
MAX_DEPTH: Final = 16
MAX_INTEGER: Final = 2**53 - 1

type_uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
type_time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII).fullmatch
type_b64u = re.compile(r"[A-Za-z0-9_-]*").fullmatch


def malformed(detail: str) -> ProtocolError:
    return ProtocolError("header.malformed", detail)


def encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Read canonical base64url without padding.

    Raises:
        ProtocolError: ``encoding.not_canonical``.
    """
    if not type_b64u(text) or len(text) % 4 == 1:
        raise ProtocolError("encoding.not_canonical")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # The spare bits of the last character could be anything: only zero re-encodes to the same text.
    if encode(data) != text:
        raise ProtocolError("encoding.not_canonical")
    return data


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def format_time(moment: datetime) -> str:
    """UTC with exactly three digits of milliseconds; finer parts are cut off."""
    if moment.tzinfo is None:
        raise AssertionError("a time needs its zone")
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def to_json(value: object) -> bytes:
    """Compact UTF-8 JSON. Not canonical and need not be: a header is signed as sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ProtocolError("header.duplicate_key")
    return members


def _refuse_number(text: str) -> NoReturn:
    raise malformed(f"not an integer: {text[:20]}")


def _integer(text: str) -> int:
    # Beyond 2^53 a browser would silently read a neighbour; "-0" has no second reading as an integer.
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER or text == "-0":
        raise malformed("integer out of range")
    return int(text)


def _check_depth(value: object, depth: int = 1) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise malformed("lone surrogate") from None
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise malformed("too deep")
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_depth(inner, depth + 1)


def parse_object(data: bytes, most: int = MAX_HEADER) -> dict[str, object]:
    """Read the bytes of one JSON object, strictly; ``most`` bytes are looked at.

    Raises:
        ProtocolError: ``header.malformed`` or ``header.duplicate_key``.
    """
    if len(data) > most:
        raise malformed("too long")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_float=_refuse_number,
            parse_int=_integer,
            parse_constant=_refuse_number,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise malformed(type(error).__name__) from None
    if not isinstance(value, dict):
        raise malformed("not an object")
    _check_depth(value)
    return value


class Members:
    """The members of one JSON object, taken out by name and type; exactly the named ones must be there."""

    def __init__(self, values: dict[str, object], names: tuple[str, ...]) -> None:
        if unknown := values.keys() - set(names):
            raise ProtocolError("header.unknown_member", ", ".join(sorted(unknown)))
        if missing := [name for name in names if name not in values]:
            raise malformed(f"missing {missing[0]}")
        self.values = values

    @classmethod
    def of_header(cls, h: bytes, t: str, names: tuple[str, ...]) -> "Members":
        """Read a header: version first, so that a newer one is called newer and not malformed."""
        values = parse_object(h)
        version = values.get("v")
        if type(version) is not int:
            raise malformed("no version")
        if version != 1:
            raise ProtocolError("header.unknown_version", str(version))
        members = cls(values, ("v", "t", *names))
        if values["t"] != t:
            raise malformed(f"not of type {t}")
        return members

    def text(self, name: str, matches: Callable[[str], object] | None = None) -> str:
        value = self.values[name]
        if not isinstance(value, str) or (matches is not None and not matches(value)):
            raise malformed(name)
        return value

    def one_of(self, name: str, allowed: frozenset[str]) -> str:
        return self.text(name, allowed.__contains__)

    def integer(self, name: str, least: int = 0) -> int:
        return as_integer(self.values[name], name, least)

    def uuid(self, name: str) -> UUID:
        return as_uuid(self.values[name], name)

    def optional_uuid(self, name: str) -> UUID | None:
        return None if self.values[name] is None else self.uuid(name)

    def binary(self, name: str, length: int) -> bytes:
        return as_binary(self.values[name], name, length)

    def optional_binary(self, name: str, length: int) -> bytes | None:
        return None if self.values[name] is None else self.binary(name, length)

    def time(self, name: str) -> datetime:
        text = self.text(name, type_time)
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise malformed(name) from None

    def items(self, name: str, least: int, most: int) -> list[object]:
        value = self.values[name]
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise malformed(name)
        return value

    def object(self, name: str) -> dict[str, object]:
        value = self.values[name]
        if not isinstance(value, dict):
            raise malformed(name)
        return value


def as_integer(value: object, name: str, least: int = 0) -> int:
    if type(value) is not int or value < least:
        raise malformed(name)
    return value


def as_uuid(value: object, name: str) -> UUID:
    if not isinstance(value, str) or not type_uuid(value):
        raise malformed(name)
    return UUID(value)


def as_binary(value: object, name: str, length: int) -> bytes:
    if not isinstance(value, str):
        raise malformed(name)
    data = decode(value)
    if len(data) != length:
        raise malformed(f"length of {name}")
    return data


def as_tuple(value: object, name: str, length: int) -> list[object]:
    if not isinstance(value, list) or len(value) != length:
        raise malformed(name)
    return value
