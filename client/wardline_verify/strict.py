"""JSON, base64url and identifiers as protocol ``wardline/1`` reads them (section 2): what parses has one meaning.

Invariant: nothing of another spelling passes for the same thing. Written apart from the client's own reader: one mistake is not two.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NoReturn

DEPTH = 16
_is_uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_is_time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII).fullmatch
_is_base64 = re.compile(r"[A-Za-z0-9_-]*").fullmatch
Check = Callable[[Any], Any]


class Malformed(Exception):
    """It cannot be read, or could be read in two ways."""


def read_object(data: bytes, most: int) -> dict[str, Any]:
    """Raises ``Malformed``."""
    if len(data) > most:
        raise Malformed("too long")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_once, parse_float=_refuse, parse_constant=_refuse, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise Malformed(type(error).__name__) from None
    _bounded(value, 1)
    return an_object(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise Malformed("a member twice")
    return dict(pairs)


def _refuse(text: str) -> NoReturn:
    raise Malformed(text[:20])


def _integer(text: str) -> int:
    if len(text) > 17 or text == "-0" or abs(int(text)) >= 2**53:
        raise Malformed(text[:20])
    return int(text)


def _bounded(value: Any, depth: int) -> None:
    if isinstance(value, str):
        a_text(value)
    elif isinstance(value, dict | list):
        if depth > DEPTH:
            raise Malformed("too deep")
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            _bounded(inner, depth + 1)


def exactly(value: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    """An object with these members and no other, each through its check."""
    read = an_object(value)
    if read.keys() != checks.keys():
        raise Malformed(" ".join(sorted(read.keys() ^ checks.keys()))[:80])
    return {name: check(read[name]) for name, check in checks.items()}


def an_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("not an object")
    return value


def a_text(value: Any) -> str:
    try:
        value.encode()
    except (AttributeError, UnicodeEncodeError):
        raise Malformed("not a text") from None
    return str(value)


def a_uuid(value: Any) -> str:
    if not _is_uuid(a_text(value)):
        raise Malformed("not an id")
    return str(value)


def a_time(value: Any) -> datetime:
    if not _is_time(a_text(value)):
        raise Malformed("not a time")
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise Malformed("not a time") from None
    if not 1 < at.year < 9999:  # hours are added to it and taken from it
        raise Malformed("not a time")
    return at


def an_integer(least: int) -> Check:
    def check(value: Any) -> int:
        if type(value) is not int or value < least:
            raise Malformed("not a number")
        return value

    return check


def one_of(*allowed: Any) -> Check:
    def check(value: Any) -> Any:
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise Malformed("not one of the known values")
        return value

    return check


def a_list(check: Check, most: int) -> Check:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise Malformed("not a list")
        return [check(item) for item in value]

    return read


def optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def binary(length: int | None = None) -> Check:
    """base64url without padding, in its one spelling."""

    def check(value: Any) -> bytes:
        text = a_text(value)
        if not _is_base64(text) or len(text) % 4 == 1:
            raise Malformed("not base64url")
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if encode(data) != text or length not in (None, len(data)):
            raise Malformed("not base64url")
        return data

    return check


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
