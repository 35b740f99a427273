"""A client reads its hospital's log: searched, one event, or taken out as a file.

Invariant: the hospital's own log alone, and every look is an event in it, in the transaction that looked. The files are made by the same
worker as every export (``audit.exports``); one is there for the client that asked for it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from audit.events import Event
from audit.exports import fhir
from audit.exports.jobs import end_exports
from audit.exports.queue import queue, require_ready
from audit.exports.shown import Cut, page_of
from audit.exports.wanted import Wanted
from audit.models import Export
from audit.services import record
from backend.errors import NotFound
from identity.models import Hospital
from integration import access
from integration.actors import ClientActor
from integration.bundles import bundle
from integration.resources import Resource, base
from integration.searching import After, Search, codes, moments

KIND: Final = "AuditEvent"
_INSTANT: Final = timedelta(microseconds=1)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)


@transaction.atomic
def search_events(*, actor: ClientActor, search: Search) -> Resource:
    """Newest first. Raises: Forbidden: ``client.scope_missing``. Invalid: ``fhir.bad_value``."""
    actor.require_scope(KIND, "s")
    wanted, log = _wanted(search.asked), access.log_of(actor)
    beyond = int(search.after.key) if search.after and search.after.key.isdigit() else None
    rows, has_more = page_of(log.pk, wanted, Cut(beyond, search.size)) if log and wanted else ([], False)
    _tell(actor, "audit.search", rows=len(rows), filters=len(search.asked))
    place = _place(actor, log.pk) if log else None
    shown = [fhir.audit_event(row, place) for row in rows] if place else []
    return bundle(KIND, search, shown, After(0, str(rows[-1].place)) if has_more else None)


@transaction.atomic
def read_event(*, actor: ClientActor, event_id: str) -> Resource:
    """Raises: Forbidden: ``client.scope_missing``. NotFound: there is none, or it is in another hospital's log alone."""
    actor.require_scope(KIND, "r")
    log, (named, _, place) = access.log_of(actor), event_id.partition(".")
    if log is None or named != str(log.pk) or not place.isascii() or not place.isdigit() or len(place) > 15:
        raise NotFound
    rows, _ = page_of(log.pk, Wanted(), Cut(int(place) + 1, 1))
    if not rows or rows[0].place != int(place):
        raise NotFound
    _tell(actor, "audit.read", place=int(place))
    return fhir.audit_event(rows[0], _place(actor, log.pk))


def _wanted(asked: dict[str, list[str]]) -> Wanted | None:
    """``None``: what is asked for is nothing's."""
    since, until = _span(moments(asked.get("date", ())))
    found = Wanted(
        since=since,
        until=until,
        actions=tuple(codes(asked.get("subtype", ()), f"{base()}/CodeSystem/audit-action")),
        outcomes=tuple(name for name, code in fhir.OUTCOMES.items() if code in codes(asked.get("outcome", ()))),
    )
    is_nothing = ("subtype" in asked and not found.actions) or ("outcome" in asked and not found.outcomes)
    return None if is_nothing else found


def _span(compared: dict[str, datetime]) -> tuple[datetime | None, datetime | None]:
    """``since`` is in and ``until`` is out: the other two comparisons are an instant later."""
    at = {how: min(moment, _LAST) + (_INSTANT if how in ("gt", "lte") else timedelta()) for how, moment in compared.items()}
    since, until = [at[how] for how in ("gte", "gt") if how in at], [at[how] for how in ("lt", "lte") if how in at]
    return max(since, default=None), min(until, default=None)


def _place(actor: ClientActor, log: UUID) -> fhir.Place:
    zone = Hospital.objects.values_list("time_zone", flat=True).get(pk=actor.hospital_id)
    return fhir.Place(log=log, hospital=actor.hospital_id, base=settings.PUBLIC_URL, zone=ZoneInfo(zone))


@transaction.atomic
def ask_export(*, actor: ClientActor, since: datetime | None) -> Export:
    """Queue the hospital's log, whole or from ``since``.

    Raises:
        Forbidden: ``client.scope_missing``. NotFound: nothing is signed yet. Conflict: ``export.too_many``.
    """
    actor.require_scope(KIND, "r")
    hospital = Hospital.objects.select_for_update(no_key=True).get(pk=actor.hospital_id)
    log = access.log_of(actor)
    if log is None:
        raise NotFound
    made = queue(
        log=log.pk,
        hospital=hospital.pk,
        zone=hospital.time_zone,
        asked_by=actor.client_id,
        format=Export.Format.FHIR,
        wanted=Wanted(since=since),
    )
    _tell_of(actor, "audit.ask_export", made, size=made.size)
    return made


@transaction.atomic
def read_export(*, actor: ClientActor, export_id: UUID) -> Export:
    """How far it is. Raises: Forbidden, NotFound."""
    actor.require_scope(KIND, "r")
    found = access.export_of(actor, export_id)
    _tell_of(actor, "audit.read_export", found)
    return found


@transaction.atomic
def fetch_export(*, actor: ClientActor, export_id: UUID) -> Export:
    """Say that the client fetches the file. Raises: Forbidden, NotFound. Conflict: ``export.not_ready``. Gone: ``export.gone``."""
    actor.require_scope(KIND, "r")
    found = access.export_of(actor, export_id)
    require_ready(found)
    _tell_of(actor, "audit.download_export", found, bytes=found.bytes)
    return found


@transaction.atomic
def delete_export(*, actor: ClientActor, export_id: UUID) -> None:
    """Raises: Forbidden, NotFound."""
    actor.require_scope(KIND, "r")
    found = access.export_of(actor, export_id)
    if not end_exports(ids=[found.pk], agent=actor.agent(), action="audit.delete_export", reason="asked"):
        raise NotFound


def _tell(actor: ClientActor, action: str, **numbers: int) -> None:
    record(event=Event(action, actor.agent(), [actor.hospital_id], detail=numbers))


def _tell_of(actor: ClientActor, action: str, export: Export, **numbers: Any) -> None:
    subjects = {"export": export.pk, "log": export.log}
    record(event=Event(action, actor.agent(), [actor.hospital_id], subjects=subjects, detail={"format": export.format, **numbers}))
