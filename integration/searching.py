"""What may be searched for, and how a search is read.

Invariant: the list is closed, and what is not in it is refused: a filter that is passed over would answer with more than was asked for.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from backend.errors import Invalid
from integration.resources import base

# By resource type: parameter and FHIR's kind of it (https://hl7.org/fhir/R4/search.html).
SEARCHED: Final[dict[str, dict[str, str]]] = {
    "Organization": {"_id": "token"},
    "Location": {"_id": "token", "organization": "reference", "partof": "reference", "operational-status": "token"},
    "PractitionerRole": {"_id": "token", "organization": "reference", "specialty": "token"},
    "ServiceRequest": {"_id": "token", "identifier": "token", "priority": "token", "authored": "date"},
    "Task": {
        "_id": "token",
        "status": "token",
        "business-status": "token",
        "focus": "reference",
        "owner": "reference",
        "modified": "date",
        "_lastUpdated": "date",
    },
    "AuditEvent": {"date": "date", "subtype": "token", "outcome": "token"},
    "Subscription": {"_id": "token"},
    "MeasureReport": {"_id": "token", "subject": "reference", "date": "date"},
}
# What is brought along with what fits: by ``_include`` what it refers to, by ``_revinclude`` what refers to it.
INCLUDED: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "Task": ("_include", ("Task:focus", "Task:owner")),
    "ServiceRequest": ("_revinclude", ("Task:focus",)),
}
CONTROL: Final = frozenset({"_count", "_after", "_format", "_total"})
PAGE, PAGE_AT_MOST = 50, 200
TOTALS: Final = ("none", "estimate", "accurate")
COMPARED: Final = {"ge": "gte", "gt": "gt", "le": "lte", "lt": "lt"}
_CODE: Final = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_AFTER: Final = re.compile(r"^(?P<part>[01])\.(?P<key>[0-9a-f-]{1,36})$")


class After(NamedTuple):
    """The last row of the page before: ``key`` of the ``part``-th kind of row."""

    part: int
    key: str


class Search(NamedTuple):
    """``included`` are of ``INCLUDED``; ``is_counted``: how many fit is wanted."""

    asked: dict[str, list[str]]
    size: int
    after: After | None
    include_by: str = ""
    included: tuple[str, ...] = ()
    is_counted: bool = True


def search_of(kind: str, given: QueryDict) -> Search:
    """Raises: Invalid: ``fhir.unknown_parameter``, ``fhir.bad_value``."""
    known = SEARCHED[kind]
    include_by, known_includes = INCLUDED.get(kind, ("", ()))
    control = CONTROL | ({include_by} if include_by else set())
    if not given.keys() <= known.keys() | control:
        raise Invalid("fhir.unknown_parameter", f"{kind} is searched by {', '.join(known)}; {', '.join(sorted(control))} besides.")
    asked = {name: given.getlist(name) for name in known if name in given}
    if any(",".join(values).count(",") >= PAGE_AT_MOST for values in asked.values()):
        raise Invalid("fhir.bad_value", f"Of one parameter at most {PAGE_AT_MOST} values at once.")
    if any(len(values) > 1 for name, values in asked.items() if known[name] != "date"):
        raise Invalid("fhir.bad_value", "Give a parameter once; several values of one are divided by commas.")
    included, total = given.getlist(include_by), given.get("_total", "accurate")
    if not set(included) <= set(known_includes) or total not in TOTALS:
        brought = ", ".join(known_includes) or "nothing"
        raise Invalid("fhir.bad_value", f"_total is one of {', '.join(TOTALS)}; what may be brought along: {brought}.")
    size, after = _count(given.get("_count", str(PAGE))), _after(given.get("_after"))
    return Search(asked, size, after, include_by, tuple(dict.fromkeys(included)), total != "none")


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not int(text):
        raise Invalid("fhir.bad_value", f"_count is a number from 1; more than {PAGE_AT_MOST} are not given at once.")
    return min(int(text), PAGE_AT_MOST)


def _after(text: str | None) -> After | None:
    if text is None:
        return None
    found = _AFTER.match(text)
    if not found:
        raise Invalid("fhir.bad_value", "_after is part of the address of a next page: take that as it is.")
    return After(int(found["part"]), found["key"])


def ids(values: Iterable[str], kind: str = "") -> list[UUID]:
    """The ids in a parameter's values, bare or as references; one that cannot be an id is nothing's."""
    found = []
    for text in ",".join(values).split(","):
        bare = text.removeprefix(f"{base()}/").removeprefix(f"{kind}/")
        try:
            found.append(UUID(bare))
        except ValueError:
            continue
    return found


def codes(values: Iterable[str], system: str = "") -> list[str]:
    """The codes of tokens, with the system or without; what is no code at all is nothing's."""
    asked = [text.removeprefix(f"{system}|") for text in ",".join(values).split(",")]
    return [text for text in asked if _CODE.match(text)]


def moments(values: Iterable[str]) -> dict[str, Any]:
    """``ge2026-11-01T00:00:00Z`` as Django compares: ``{"gte": ...}``. Raises: Invalid: ``fhir.bad_value``."""
    found: dict[str, Any] = {}
    for text in values:
        comparison, at = COMPARED.get(text[:2]), _moment(text[2:])
        if comparison is None or at is None or at.tzinfo is None:
            raise Invalid("fhir.bad_value", f"date is one of {', '.join(COMPARED)} and a time with its zone.")
        found[comparison] = at
    return found


def _moment(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None
