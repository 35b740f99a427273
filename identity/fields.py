"""Binary values in JSON: base64url without padding, canonical (protocol 2)."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from wardline_client.protocol import ProtocolError, decode, encode


@extend_schema_field(OpenApiTypes.STR)
class Base64UrlField(serializers.Field):  # type: ignore[type-arg]
    """Bytes on this side, text on the other; ``length`` or ``most`` in bytes."""

    default_error_messages = {"not_canonical": "Not canonical base64url without padding.", "length": "Not the expected number of bytes."}

    def __init__(self, *, length: int | None = None, most: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.length, self.most = length, most

    def to_internal_value(self, data: object) -> bytes:
        try:
            value = decode(data) if isinstance(data, str) else None
        except ProtocolError:
            value = None
        if value is None:
            self.fail("not_canonical")
        if (self.length is not None and len(value) != self.length) or (self.most is not None and len(value) > self.most):
            self.fail("length")
        return value

    def to_representation(self, value: bytes) -> str:
        return encode(bytes(value))


class SignedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A statement as sent (protocol 4)."""

    h = Base64UrlField(most=65_536)
    s = Base64UrlField(length=64)
