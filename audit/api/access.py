"""The only lookups of logs by id.

Invariant: hashes are for everybody, events for the registrars and auditors of the hospital whose log it is; to everybody else such a log
has no entries, whether it exists or not.
"""

from uuid import UUID

from rest_framework.request import Request

from audit.cosigned import shown_checkpoint
from audit.models import Checkpoint, Log
from backend.errors import NotFound
from identity.actors import Actor


def actor_of(request: Request) -> Actor:
    """Whom ``identity.authentication`` has found; the permission class has let nobody else through."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def newest_checkpoint(log: UUID) -> Checkpoint:
    """What is shown of a log: the newest checkpoint the quorum has cosigned, or, when that lacks what is older than a minute, the newest
    there is. Its ``note`` ends with the cosignatures that have come.

    Raises:
        NotFound: no such log, or it is so new that nothing of it is signed.
    """
    checkpoint = shown_checkpoint(log)
    if checkpoint is None:
        raise NotFound
    return checkpoint


def signed_size(log: UUID) -> int:
    """How much of a log is signed; 0 for one that does not exist."""
    return Checkpoint.objects.filter(log=log).order_by("-size").values_list("size", flat=True).first() or 0


def log_of_reader(actor: Actor, log: UUID | None = None) -> Log:
    """The log of the actor's own hospital; with ``log``, only if it is that one.

    Raises:
        Forbidden: ``auditor.required``.
        NotFound: another hospital's, the operator's, none, or nothing has happened in the hospital yet.
    """
    actor.require_log_reader()
    own = Log.objects.filter(hospital=actor.hospital_id).first()
    if own is None or log not in (None, own.id):
        raise NotFound
    return own
