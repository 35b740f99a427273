"""From a request's body or query to plain values."""

from typing import Any

from rest_framework.serializers import Serializer


def parsed(shape: type[Serializer[Any]], given: Any) -> dict[str, Any]:
    """Raises DRF's ``ValidationError``, or a domain error of a field."""
    serializer = shape(data=given)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
