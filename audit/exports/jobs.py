"""The worker's part: files grow by a slice of time, row by row of ``audit_export``.

Invariant: a file is at least as long on disk as its row says; a worker that takes over cuts off what is beyond and goes on, so the file is
the same whoever was killed. A slice is short, because the same worker sequences the logs. Every step is an event of the log it is about.
"""

import logging
import time
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import CLOCK, SYSTEM, Agent, Event, Outcome
from audit.exports import files
from audit.exports.formats import Format, format_of
from audit.exports.rows import PAGE, page, window
from audit.exports.wanted import Wanted
from audit.models import Export
from audit.services import record

SLICE_SECONDS = 1.0
KEPT = timedelta(days=7)
TRIES = 3
logger = logging.getLogger(__name__)


def run_exports(*, seconds: float = SLICE_SECONDS) -> int:
    """Work on what is undone, oldest first, for about ``seconds``; returns how many were finished."""
    until, finished = time.monotonic() + seconds, 0
    for export_id in Export.objects.filter(state__in=Export.UNDONE).order_by("created_at").values_list("id", flat=True):
        with files.turn(export_id) as is_mine:
            if is_mine:
                finished += _try(export_id, until)
        if time.monotonic() >= until:
            break
    return finished


def end_exports(*, ids: list[UUID], agent: Agent, action: str, reason: str) -> int:
    """Make these unavailable from now on, with an event each, within the caller's transaction; returns how many were there."""
    ended = Export.objects.select_for_update().filter(pk__in=ids).exclude(state=Export.State.GONE).order_by("id")
    for export in ended:
        export.state = Export.State.GONE
        export.save(update_fields=["state"])
        _tell(export, action, agent, reason=reason)
    transaction.on_commit(lambda: files.remove(ids))
    return len(ended)


def expire_exports() -> int:
    """Remove what has been kept long enough, and files that no row wants."""
    due = Export.objects.filter(state__in=[Export.State.READY, Export.State.FAILED], expires_at__lte=timezone.now())
    ids = list(due.values_list("id", flat=True))
    with transaction.atomic():
        ended = end_exports(ids=ids, agent=CLOCK, action="audit.expire_export", reason="expired") if ids else 0
    if there := files.present():
        kept = set(Export.objects.filter(pk__in=there, state__in=[*Export.UNDONE, Export.State.READY]).values_list("id", flat=True))
        files.remove(there - kept)
    return ended


def _try(export_id: UUID, until: float) -> bool:
    try:
        return _work(export_id, until)
    except Exception:
        # One export that cannot be made must not keep the others waiting.
        logger.exception("audit.export_failed", extra={"export": str(export_id)})
        _note_failure(export_id)
        return False


def _work(export_id: UUID, until: float) -> bool:
    export = Export.objects.get(pk=export_id)
    if export.state == Export.State.WAITING:
        _begin(export)
    if export.state != Export.State.RUNNING:
        return False
    written = format_of(export)
    try:
        is_done = _write(export, written, until)
    except FileNotFoundError:
        # The state folder was lost: from the beginning.
        export.next_place, export.bytes, export.events = export.start, 0, 0
        is_done = _write(export, written, until)
    return _save(export, is_done)


def _begin(export: Export) -> None:
    export.start, export.end = window(export.log, export.size, Wanted.of(export.wanted))
    export.next_place = export.start
    with transaction.atomic():
        begun = Export.objects.filter(pk=export.pk, state=Export.State.WAITING)
        fields = {"start": export.start, "end": export.end, "next_place": export.start}
        if begun.update(state=Export.State.RUNNING, **fields):
            export.state = Export.State.RUNNING
            _tell(export, "audit.begin_export", SYSTEM)


def _write(export: Export, written: Format, until: float) -> bool:
    """Add pages until the time is up, one at least; whether the file is whole. What it has reached is in ``export``, not yet in its row."""
    wanted = Wanted.of(export.wanted)
    with files.writing(export.pk, export.bytes) as file:
        if not export.bytes:
            file.writelines(written.head())
        while export.next_place < export.end:
            end = min(export.next_place + PAGE, export.end)
            rows = page(export.log, export.next_place, end, wanted, with_others=written.shows_withheld)
            file.write(written.page(rows))
            export.events += sum(row.content is not None for row in rows)
            export.next_place = end
            if time.monotonic() >= until:
                break
        is_done = export.next_place >= export.end
        if is_done:
            file.writelines(written.tail())
        export.bytes = file.tell()
    return is_done


def _save(export: Export, is_done: bool) -> bool:
    reached = {"next_place": export.next_place, "bytes": export.bytes, "events": export.events, "failures": 0}
    running = Export.objects.filter(pk=export.pk, state=Export.State.RUNNING)
    if not is_done:
        if not running.update(**reached):
            files.remove([export.pk])
        return False
    export.sha256, now = files.digest_of(export.pk), timezone.now()
    with transaction.atomic():
        is_saved = running.update(state=Export.State.READY, sha256=export.sha256, finished_at=now, expires_at=now + KEPT, **reached)
        if is_saved:
            _tell(export, "audit.finish_export", SYSTEM)
    if not is_saved:  # deleted while it was made
        files.remove([export.pk])
    return bool(is_saved)


@transaction.atomic
def _note_failure(export_id: UUID) -> None:
    export = Export.objects.select_for_update().filter(pk=export_id, state__in=Export.UNDONE).first()
    if export is None:
        return
    export.failures += 1
    if export.failures >= TRIES:
        export.state, export.expires_at = Export.State.FAILED, timezone.now() + KEPT
        _tell(export, "audit.fail_export", SYSTEM)
    export.save(update_fields=["failures", "state", "expires_at"])


def _tell(export: Export, action: str, agent: Agent, reason: str = "") -> None:
    detail: dict[str, str | int | list[str]] = {"format": export.format, "events": export.events, "bytes": export.bytes}
    outcome: Outcome = "failed" if action == "audit.fail_export" else "success"
    record(
        event=Event(
            action,
            agent,
            [export.hospital],
            outcome=outcome,
            subjects={"export": export.pk, "log": export.log},
            detail=detail | ({"reason": reason} if reason else {}),
            digest=bytes(export.sha256) if export.sha256 else None,
        )
    )
