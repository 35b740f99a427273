"""Puts the examples and the error codes of ``beds.examples`` into the API's description.

Invariant: an operation without an entry stays as it is; the test of the manners finds it.
"""

from copy import deepcopy
from typing import Any

from beds.examples import SHOWN, Shown

ERROR = {
    "type": "object",
    "description": "What was refused, in the words of the domain; some codes bring facts of their own, e.g. `state` or `version`.",
    "properties": {"code": {"type": "string", "description": "Stable."}, "detail": {"type": "string"}},
    "required": ["code", "detail"],
    "additionalProperties": True,
}
ONCE = ("idempotency.key_missing", "idempotency.key_reused")


def describe(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's hook (``SPECTACULAR_SETTINGS``)."""
    found = [operation for operations in result["paths"].values() for operation in operations.values()]
    described = [operation for operation in found if operation.get("operationId") in SHOWN]
    for operation in described:
        _add(operation, SHOWN[operation["operationId"]])
    if described:
        result["components"]["schemas"]["Error"] = ERROR
    return result


def _add(operation: dict[str, Any], shown: Shown) -> None:
    if shown.body is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = deepcopy(shown.body)
    for answer in operation["responses"].values():
        for content in answer.get("content", {}).values():
            content["example"] = deepcopy(shown.answer)
    is_once = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    codes = sorted({"invalid", "not_found", "session.ended", *shown.codes, *(ONCE if is_once else ())})
    operation["responses"]["default"] = {
        "description": "Refused. `code` is one of: " + ", ".join(f"`{code}`" for code in codes) + ".",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
