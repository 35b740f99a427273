"""Signing what a hospital's log of statements is (protocol 4.1).

Invariant: only what is committed is signed, and only if it continues what was published before (``audit.published``): a database that was
set back or written anew is not signed again as if nothing had happened. Nobody waits for it: a statement counts as soon as it is stored.
"""

import logging
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce

from audit.checkpoints import sign_leaves
from audit.keys import signing_key
from audit.published import ForkRefused, published
from identity.models import DirectoryHead, Hospital, Statement
from identity.services.statements import lock_directory

logger = logging.getLogger(__name__)


def origin_of(hospital_id: UUID) -> str:
    """The name of a hospital's log of statements, in what is signed."""
    return f"{settings.AUDIT_ORIGIN}/directory/{hospital_id}"


def sign_heads() -> int:
    """Sign every hospital's log that has grown since its last head; returns how many.

    Raises:
        ForkRefused: for at least one hospital; the others are signed all the same.
    """
    refused, grown = None, _grown()
    for hospital_id in grown:
        try:
            sign_head(hospital_id)
        except ForkRefused as error:
            logger.critical("directory.fork_refused", extra={"hospital": str(hospital_id)})
            refused = error
    if refused:
        raise refused
    return len(grown)


def sign_head(hospital_id: UUID) -> None:
    """Raises: ForkRefused: the statements do not continue what was published."""
    public = signing_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    # Durable: inside somebody's transaction one would sign what may yet roll back.
    with published(f"directory-{hospital_id}") as last, transaction.atomic(durable=True):
        # One writer of the directory at a time: readers page heads by ``order``, too.
        lock_directory()
        leaves = [bytes(leaf) for leaf in Statement.objects.filter(hospital=hospital_id).order_by("place").values_list("leaf", flat=True)]
        if DirectoryHead.objects.filter(hospital=hospital_id, size=len(leaves)).exists():
            return
        signed = sign_leaves(last, origin=origin_of(hospital_id), leaves=leaves)
        DirectoryHead.objects.create(hospital_id=hospital_id, size=signed.size, note=signed.note, key=public)


def _grown() -> list[UUID]:
    here = {"hospital": OuterRef("pk")}
    stated = Statement.objects.filter(**here).order_by("-place").values("place")[:1]
    signed = DirectoryHead.objects.filter(**here).order_by("-size").values("size")[:1]
    sizes = Hospital.objects.annotate(stated=Subquery(stated) + 1, signed=Coalesce(Subquery(signed), 0))
    return list(sizes.filter(stated__gt=F("signed")).values_list("pk", flat=True))
