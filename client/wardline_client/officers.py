"""A registrar names the hospital's recovery officers and begins to get a member's key back (protocol 3.6).

Invariant: the root signs three people with the keys that are proved on this device, whatever the service says of them.
"""

import os
from collections.abc import Iterable
from uuid import UUID

from wardline_client.protocol import Officers, ProtocolError, encode, kid
from wardline_client.protocol.links import format_restoration
from wardline_client.registrar import Registrar


def propose(office: Registrar, *people: UUID) -> UUID:
    """Propose three members, whose fingerprints were compared, or nobody: to end the hospital's recovery. Raises ``ApiError``."""
    drafted = [{"person": str(person), "kid": encode(named)} for person, named in _proved(office, people).officers]
    return UUID(office.session.api.post("officers/proposals", {"officers": drafted})["id"])


def confirm(office: Registrar, proposal: UUID, people: Iterable[UUID], root_code: str) -> None:
    """Be the second person; ``root_code`` is the hospital's printed one, and is not sent. Raises ``ProtocolError`` for another one."""
    statement = office.sign_with_root("recovery", office.session.keyring.hospital, _proved(office, people), root_code)
    office.session.state(f"officers/proposals/{proposal}/confirm", statement)


def start_restoration(office: Registrar, person: UUID) -> str:
    """The fragment of a one-time link for a member who has neither a device nor the printed code. Raises ``ApiError``."""
    token = encode(os.urandom(32))
    office.session.api.post(f"members/{person}/restoration", {"token": token})
    return format_restoration(token, office.session.keyring.root)


def _proved(office: Registrar, people: Iterable[UUID]) -> Officers:
    found = [office.session.book.recipient(person) for person in sorted(people, key=str)]
    if any(each.kind != "member" or each.hospital != office.session.keyring.hospital for each in found):
        raise ProtocolError("statement.no_chain", "not a member of this hospital")
    return Officers(tuple((each.id, kid(each.kem)) for each in found))
