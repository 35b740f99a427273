"""Which checkpoint is shown, and with whose cosignatures.

Invariant: a witness that is late holds back what is shown for a minute and no longer; what is shown then is true all the same, and the
verifiers' policies say whether it is enough.
"""

import logging
from datetime import timedelta
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import timezone

from audit.models import Checkpoint
from audit.policy import Policy, read_policy

HOLD_BACK = timedelta(minutes=1)
LOOK_BACK = 90  # checkpoints: at one a second more than the minute
logger = logging.getLogger(__name__)

_CHECKPOINTS = """
    SELECT newest.size, newest.root, newest.note, newest.signed_at,
        coalesce(array_agg(witness) FILTER (WHERE witness IS NOT NULL), '{}'), coalesce(string_agg(line, '' ORDER BY witness), '')
    FROM (SELECT * FROM audit_checkpoint WHERE log = %s ORDER BY size DESC LIMIT %s) newest
    LEFT JOIN audit_cosignature USING (log, size)
    GROUP BY newest.size, newest.root, newest.note, newest.signed_at
    ORDER BY newest.size DESC"""


def shown_checkpoint(log: UUID) -> Checkpoint | None:
    """In one query: the newest checkpoint that the quorum has cosigned, unless one that was signed after it is older than ``HOLD_BACK``;
    else the newest. ``None`` when nothing is signed."""
    policy = _policy()
    with connection.cursor() as cursor:
        cursor.execute(_CHECKPOINTS, [log, LOOK_BACK if policy.witnesses else 1])
        rows = cursor.fetchall()
    if not rows:
        return None
    shown = rows[0]
    for row in rows:
        if policy.is_met(set(row[4])):
            shown = row
            break
        if timezone.now() - row[3] > HOLD_BACK:
            break  # whatever is older lacks this one
    size, root, note, signed_at, _, lines = shown
    return Checkpoint(log_id=log, size=size, root=root, note=note + lines, signed_at=signed_at)


def _policy() -> Policy:
    try:
        return read_policy()
    except ImproperlyConfigured:
        logger.exception("audit.policy_unreadable")  # audit_status says so too; the log is shown all the same
        return Policy()
