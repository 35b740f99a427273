"""What a search answers with.

Invariant: a link holds all that was asked, so that the next page is the same search; what was brought along says so, and counts neither for
the page nor for the total.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from integration.resources import Resource, base
from integration.searching import After, Search


def bundle(
    kind: str,
    search: Search,
    shown: Sequence[Resource],
    following: After | None,
    *,
    included: Iterable[Resource] = (),
    total: int | None = None,
) -> Resource:
    """``following``: the last row of this page, where there is a next one."""
    links = [_link("self", kind, search, search.after)] + ([_link("next", kind, search, following)] if following else [])
    entries = [_entry(each, "match") for each in shown] + [_entry(each, "include") for each in included]
    found: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return found | ({"total": total} if total is not None else {}) | ({"entry": entries} if entries else {})


def _entry(resource: Resource, mode: str) -> Resource:
    return {"fullUrl": f"{base()}/{resource['resourceType']}/{resource['id']}", "resource": resource, "search": {"mode": mode}}


def _link(relation: str, kind: str, search: Search, after: After | None) -> Resource:
    asked = [(name, value) for name, values in search.asked.items() for value in values]
    asked += [(search.include_by, name) for name in search.included] + [("_count", str(search.size))]
    asked += [] if search.is_counted else [("_total", "none")]
    asked += [("_after", f"{after.part}.{after.key}")] if after else []
    return {"relation": relation, "url": f"{base()}/{kind}?{urlencode(asked)}"}
