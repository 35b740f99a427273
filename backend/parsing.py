"""How a JSON body is read, and what a shape makes of it.

Invariant: what parses has one reading: UTF-8, no key twice, no NaN. What cannot be read, however it is wrong, is the sender's error
(``parse_error``), never ours.
"""

import json
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import parse_qsl

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

if TYPE_CHECKING:  # the framework loads this module before its serializers
    from rest_framework.serializers import BaseSerializer


LONGEST_FORM: Final = 16_384  # bytes


class StrictJSONParser(BaseParser):
    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        """Raises: ParseError."""
        try:
            return json.loads(stream.read().decode(), object_pairs_hook=_once, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ParseError from error


class StrictFormParser(BaseParser):
    """For the few calls that a standard wants as a form: a name at most once, in ASCII."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> dict[str, str]:
        """Raises: ParseError."""
        try:
            pairs = parse_qsl(stream.read(LONGEST_FORM + 1).decode("ascii"), strict_parsing=True, max_num_fields=8)
        except ValueError as error:
            raise ParseError from error
        if len(dict(pairs)) != len(pairs):
            raise ParseError
        return dict(pairs)


def parsed(shape: "type[BaseSerializer[Any]]", given: Any) -> dict[str, Any]:
    """A body or query in plain values. Raises DRF's ``ValidationError``, or a domain error of a field."""
    serializer = shape(data=given)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError
