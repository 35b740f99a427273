"""Who the recovery officers of a hospital are.

Invariant: the latest statement of the hospital's root says so and nothing else does; no column repeats it.
"""

from typing import NamedTuple
from uuid import UUID

from identity.models import Statement
from identity.services import statements
from wardline_client.protocol import Officers, parse_statement


class Named(NamedTuple):
    """The statement that names three people, as stored, and what it says."""

    statement: Statement
    officers: Officers

    @property
    def people(self) -> list[UUID]:
        return [person for person, _ in self.officers.officers]


def named_of(hospital_id: UUID) -> Named | None:
    """The officers of now, ``None`` where nobody is named. One query."""
    row = statements.latest(Statement.Kind.RECOVERY, hospital_id, hospital_id)
    if row is None:
        return None
    body = parse_statement(bytes(row.header), bytes(row.signature)).body
    return Named(row, body) if isinstance(body, Officers) and body.officers else None
