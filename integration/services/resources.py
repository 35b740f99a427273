"""A client reads and searches its own hospital's resources.

Invariant: each call is one event in the transaction that read what it shows. Rows come from ``access`` alone, which begins at the client's
hospital; a search costs the same queries for one row and for many.
"""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Model, Q, QuerySet

from audit.events import Event
from audit.services import record
from backend.errors import Invalid, NotFound
from integration.actors import ClientActor
from integration.bundles import bundle
from integration.parts import INCLUDES, PARTS, Part
from integration.resources import Resource
from integration.searching import After, Search, ids


@transaction.atomic
def read_resource(*, actor: ClientActor, kind: str, resource_id: str) -> Resource:
    """Raises: Forbidden: ``client.scope_missing``. NotFound: there is none, or it is another hospital's."""
    actor.require_scope(kind, "r")
    for part in PARTS[kind]:
        if row := part.rows(actor).filter(part.conditions["_id"]([resource_id])).first():
            record_read(actor, part, row)
            return part.shown(row)
    raise NotFound


def record_read(actor: ClientActor, part: Part, row: Any) -> None:
    """In the log of the hospital that asked, too: it sees who else looked."""
    hospitals = [actor.hospital_id, *part.concerns(row)]
    record(event=Event("integration.read_resource", actor.agent(), hospitals, subjects={part.subject: part.about(row)}))


@transaction.atomic
def search_resources(*, actor: ClientActor, kind: str, search: Search) -> Resource:
    """A page of what fits, as a Bundle. Raises: Forbidden: ``client.scope_missing``. Invalid: ``fhir.bad_value``."""
    actor.require_scope(kind, "s")
    parts = PARTS[kind]
    found = _page(actor, parts, search)
    shown = found[: search.size]
    included = [each for name in search.included for each in INCLUDES[kind, name](actor, [row for _, row in shown])]
    total = sum(_fitting(actor, part, search).count() for part in parts) if search.is_counted else None
    detail: dict[str, str | int | list[str]] = {"resource": kind, "by": sorted(search.asked), "rows": len(shown)}
    record(event=Event("integration.search_resources", actor.agent(), [actor.hospital_id], detail=detail))
    following = After(shown[-1][0], str(shown[-1][1].pk)) if len(found) > len(shown) else None
    return bundle(kind, search, [parts[number].shown(row) for number, row in shown], following, included=included, total=total)


def _page(actor: ClientActor, parts: Sequence[Part], search: Search) -> list[tuple[int, Model]]:
    """Up to one row more than asked for, which says that there is a next page."""
    begin = search.after.part if search.after else 0
    found: list[tuple[int, Model]] = []
    for number, part in enumerate(parts[begin:], begin):
        rows = _fitting(actor, part, search)
        if search.after and number == begin:
            rows = rows.filter(_beyond(part, search.after))
        ordered = rows.order_by("-pk" if part.is_newest_first else "pk")
        found += [(number, row) for row in ordered[: search.size + 1 - len(found)]]
    return found


def _fitting(actor: ClientActor, part: Part, search: Search) -> QuerySet[Any]:
    return part.rows(actor).filter(*(part.conditions[name](values) for name, values in search.asked.items()))


def _beyond(part: Part, after: After) -> Q:
    try:
        key = int(after.key) if part.is_newest_first else ids([after.key])[0]
    except (ValueError, IndexError):
        raise Invalid("fhir.bad_value", "_after is part of the address of a next page: take that as it is.") from None
    return Q(pk__lt=key) if part.is_newest_first else Q(pk__gt=key)
