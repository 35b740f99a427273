"""How an export begins, and when its file may be had.

Invariant: an export reaches up to a checkpoint that is shown, and of one hospital few are made at a time. Whose it is, the caller decides.
"""

from uuid import UUID

from django.utils import timezone

from audit.cosigned import shown_checkpoint
from audit.exports import files
from audit.exports.wanted import Wanted
from audit.models import Export
from backend.errors import Conflict, Gone, NotFound

AT_ONCE = 5  # undone at a time for a hospital


def queue(*, log: UUID, hospital: UUID, zone: str, asked_by: UUID, format: str, wanted: Wanted, cut: int | None = None) -> Export:
    """Under a lock of the caller's on the hospital: two who ask at once are counted one after the other.

    Raises:
        NotFound: nothing is signed yet. Conflict: ``export.too_many``.
    """
    checkpoint = shown_checkpoint(log)
    if checkpoint is None:
        raise NotFound
    if Export.objects.filter(hospital=hospital, state__in=Export.UNDONE).count() >= AT_ONCE:
        raise Conflict("export.too_many", "Several exports are being made already. Wait for one or delete it.")
    return Export.objects.create(
        log=log,
        hospital=hospital,
        asked_by=asked_by,
        format=format,
        wanted=wanted.plain(),
        zone=zone,
        note=checkpoint.note,
        size=checkpoint.size,
        cut=cut,
    )


def require_ready(export: Export) -> None:
    """Raises: Conflict: ``export.not_ready``. Gone: ``export.gone``."""
    if export.state in Export.UNDONE:
        raise Conflict("export.not_ready", "The export is still being made.", state=export.state)
    is_over = export.expires_at is not None and export.expires_at <= timezone.now()
    if export.state != Export.State.READY or is_over or not files.path_of(export.pk).exists():
        raise Gone("export.gone", "The export was deleted, has expired or could not be made. Ask for a new one.")
