"""Errors in FHIR's words (OperationOutcome, R4).

Invariant: every error of the façade is one, with this API's stable code in ``details`` and its sentence in ``diagnostics``; where in the
body it is wrong stands in ``expression``, by names of elements, never by what was in them.
"""

from collections.abc import Iterator
from typing import Any, Final

# https://hl7.org/fhir/R4/valueset-issue-type.html
_BY_STATUS: Final = {
    401: "login",
    403: "forbidden",
    404: "not-found",
    410: "not-found",
    413: "too-long",
    429: "throttled",
    500: "exception",
    503: "transient",
}
_BY_STATUS_OF_FORM: Final = dict.fromkeys((405, 406, 415), "not-supported")
_BY_STATUS_OF_STATE: Final = dict.fromkeys((409, 412), "conflict")
_BY_CODE: Final = {
    **dict.fromkeys(("fhir.unknown_parameter", "fhir.no_such_type", "fhir.async_only"), "not-supported"),
    "parse_error": "structure",
}


def outcome(status: int, told: dict[str, Any], kind: str = "") -> dict[str, Any]:
    """``told`` is the error as the rest of the API answers it: ``code``, ``detail``, perhaps ``fields``."""
    by_status = _BY_STATUS | _BY_STATUS_OF_FORM | _BY_STATUS_OF_STATE
    code = _BY_CODE.get(told["code"]) or by_status.get(status, "invalid")
    issue = {"severity": "error", "code": code, "details": {"text": told["code"]}, "diagnostics": told["detail"]}
    if where := sorted(_places(told.get("fields"), kind)):
        issue["expression"] = where
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _places(fields: Any, path: str) -> Iterator[str]:
    match fields:
        case {"non_field_errors": _}:
            yield path
        case dict():
            for name, inner in fields.items():
                yield from _places(inner, f"{path}.{name}" if isinstance(name, str) else f"{path}[{name}]")
        case [str(), *_]:
            yield path
