"""Exports asked for, looked at, fetched and deleted.

Invariant: an export is there for whoever asked and for the auditors of the same hospital, as long as they are; to everybody else there is
none. The answer with bytes comes after the event that says who fetched them.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from audit.api.access import log_of_reader
from audit.events import Event
from audit.exports.jobs import end_exports
from audit.exports.queue import queue, require_ready
from audit.exports.wanted import Wanted
from audit.models import Export
from audit.services import record
from backend.errors import DomainError, NotFound
from identity.actors import Actor
from identity.models import Hospital

SHOWN = 100


class Unsatisfiable(DomainError):
    """No byte of the range that was asked for is in the file."""

    status = 416


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes ``start`` to ``end - 1`` of a file of ``size``; ``is_part``: it was asked for as a range."""

    start: int
    end: int
    size: int
    is_part: bool


@transaction.atomic
def ask(*, actor: Actor, format: str, wanted: Wanted, cut: int | None = None) -> Export:
    """Queue an export of the own hospital's log up to its newest checkpoint. ``cut``: the size of a checkpoint the auditor holds, which
    the bundle has to let itself be checked against.

    Raises:
        Forbidden: ``auditor.required``. NotFound: nothing is signed yet. Conflict: ``export.too_many``.
    """
    log = log_of_reader(actor)
    hospital = Hospital.objects.select_for_update(no_key=True).get(pk=actor.hospital_id)  # the queue's lock
    made = queue(
        log=log.pk,
        hospital=hospital.pk,
        zone=hospital.time_zone,
        asked_by=actor.person_id,
        format=format,
        wanted=wanted,
        cut=cut,
    )
    _tell(actor, "audit.ask_export", made, size=made.size, filters=len(wanted.plain()))
    return made


@transaction.atomic
def read_exports(*, actor: Actor) -> list[Export]:
    """The newest hundred that the actor may fetch, newest first."""
    found = list(_of(actor).exclude(state=Export.State.GONE).order_by("-created_at")[:SHOWN])
    record(event=Event("audit.list_exports", actor.agent(), [actor.hospital_id], detail={"rows": len(found)}))
    return found


@transaction.atomic
def read_export(*, actor: Actor, export_id: UUID) -> Export:
    """How far it is. Raises: NotFound."""
    export = _one(actor, export_id)
    _tell(actor, "audit.read_export", export)
    return export


@transaction.atomic
def fetch(*, actor: Actor, export_id: UUID, asked_range: str | None, if_range: str | None = None) -> tuple[Export, Stretch]:
    """Say that the actor fetches this much of the file. ``if_range``: the tag of the file that the range is meant to continue.

    Raises:
        NotFound. Conflict: ``export.not_ready``. Gone: ``export.gone``. Unsatisfiable: ``export.range``.
    """
    export = _one(actor, export_id)
    require_ready(export)
    is_same = if_range is None or if_range == etag_of(export)
    stretch = stretch_of(asked_range if is_same else None, export.bytes)
    _tell(actor, "audit.download_export", export, first=stretch.start, bytes=stretch.end - stretch.start, size=stretch.size)
    return export, stretch


@transaction.atomic
def delete(*, actor: Actor, export_id: UUID) -> None:
    """Delete the file at once. Raises: NotFound: also when it was deleted before."""
    export = _one(actor, export_id)
    if not end_exports(ids=[export.pk], agent=actor.agent(), action="audit.delete_export", reason="asked"):
        raise NotFound


def etag_of(export: Export) -> str:
    return f'"{bytes(export.sha256 or b"").hex()}"'


def stretch_of(asked: str | None, size: int) -> Stretch:
    """What a ``Range`` header asks for (RFC 9110, 14.2). One range of bytes; anything else is answered with the whole file.

    Raises:
        Unsatisfiable: ``export.range``.
    """
    unit, _, spec = (asked or "").partition("=")
    first, dash, last = spec.strip().partition("-")
    is_range = unit.strip().lower() == "bytes" and dash and all(part == "" or (part.isascii() and part.isdigit()) for part in (first, last))
    if not is_range or not (first or last) or len(spec) > 40:
        return Stretch(0, size, size, is_part=False)
    if first and last and int(last) < int(first):
        return Stretch(0, size, size, is_part=False)
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        raise Unsatisfiable("export.range", "The file is shorter than that.", size=size)
    return Stretch(start, end, size, is_part=True)


def _of(actor: Actor) -> QuerySet[Export]:
    actor.require_log_reader()
    exports = Export.objects.filter(hospital=actor.hospital_id)
    return exports if actor.is_auditor else exports.filter(asked_by=actor.person_id)


def _one(actor: Actor, export_id: UUID) -> Export:
    found = _of(actor).filter(pk=export_id).first()
    if found is None:
        raise NotFound
    return found


def _tell(actor: Actor, action: str, export: Export, **numbers: int) -> None:
    subjects = {"export": export.pk, "log": export.log}
    record(event=Event(action, actor.agent(), [export.hospital], subjects=subjects, detail={"format": export.format, **numbers}))
