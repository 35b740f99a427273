"""Personal values that leaves commit to.

Invariant: a leaf says ``SHA-256("wardline-audit/1 opening" 0x00 field 0x00 salt value)`` and nothing that could be guessed from; value and
salt lie here alone, one row for every version of a value, so that an event costs the same whoever acts. Erasing is deleting the row: the
leaf, the tree and every proof stay as they were.
"""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db import connection

# Fields: ``agent``, who acted, is {"name", "title", "profession"} as JSON; ``recipients``, to whom, is [{"principal", "kind", "hospital"}],
# a person by pseudonym, and one row for every change of a conversation's members.

# The newest version of the agent value of ``{0}``, a pseudonym; for a statement that looks somebody up anyway.
NEWEST_AGENT = """(
            SELECT opening.commitment FROM audit_opening opening
            WHERE opening.subject = {0} AND opening.field = 'agent' ORDER BY opening.made_at DESC LIMIT 1
        )"""

# The newest version of the circle of ``{0}``, a conversation.
NEWEST_RECIPIENTS = """(
            SELECT opening.commitment FROM audit_opening opening
            WHERE opening.subject = {0} AND opening.field = 'recipients' ORDER BY opening.made_at DESC LIMIT 1
        )"""


class Opening(NamedTuple):
    field: str
    salt: bytes
    value: str


def snapshot_of(pseudonym: UUID) -> bytes | None:
    """What an event of this person commits to now; ``None`` once erased."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {NEWEST_AGENT.format('%s')}", [pseudonym])
        (commitment,) = cursor.fetchone()
    return None if commitment is None else bytes(commitment)


def openings_of(commitments: Collection[bytes]) -> dict[bytes, Opening]:
    """Those that are still there. One query, none for nothing."""
    if not commitments:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT commitment, field, salt, value FROM audit_opening WHERE commitment = ANY(%s)", [list(commitments)])
        return {bytes(commitment): Opening(field, bytes(salt), value) for commitment, field, salt, value in cursor.fetchall()}


def erase(subject: UUID) -> list[bytes]:
    """Delete every value and salt of a pseudonym; returns the commitments that nobody can open any more."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_opening WHERE subject = %s RETURNING commitment", [subject])
        return sorted(bytes(commitment) for (commitment,) in cursor.fetchall())


_LOGS = """
    SELECT DISTINCT unnest(hospitals) FROM audit_index WHERE agent = %(subject)s
    UNION SELECT unnest(hospitals) FROM audit_index WHERE subjects @> ARRAY[%(subject)s::uuid]"""
_CLEAR_AGENT = "UPDATE audit_index SET agent = NULL WHERE agent = %(subject)s"
_CLEAR_SUBJECT = "UPDATE audit_index SET subjects = array_remove(subjects, %(subject)s) WHERE subjects @> ARRAY[%(subject)s::uuid]"


def clear_index(subject: UUID) -> list[UUID]:
    """Take a pseudonym out of the searchable columns; returns the hospitals (``audit.leaves.OPERATOR``: none) whose logs have it."""
    with connection.cursor() as cursor:
        cursor.execute(_LOGS, {"subject": subject})
        logs = [hospital for (hospital,) in cursor.fetchall()]
        for statement in (_CLEAR_AGENT, _CLEAR_SUBJECT):
            cursor.execute(statement, {"subject": subject})
    return sorted(logs)
