"""The name a registrar signed, kept outside the statement so that it can be erased (section 4).

Invariant: a name is shown only if its digest is in the statement.
"""

import os
from dataclasses import dataclass
from typing import Final

from wardline_client.protocol.encoding import Members, encode, parse_object, sha256, to_json
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.keys import labelled

_NAMES: Final = ("salt", "name", "title", "profession", "speciality", "unit")


@dataclass(frozen=True)
class Profile:
    name: str
    title: str = ""
    profession: str = ""
    speciality: str = ""
    unit: str = ""


def make_profile(profile: Profile, salt: bytes | None = None) -> bytes:
    """Profile bytes ``p``. The salt keeps the digest from being guessed once the name is erased."""
    members = {
        "salt": encode(salt or os.urandom(16)),
        "name": profile.name,
        "title": profile.title,
        "profession": profile.profession,
        "speciality": profile.speciality,
        "unit": profile.unit,
    }
    return to_json(members)


def profile_digest(p: bytes) -> bytes:
    return sha256(labelled("wardline/1 profile", p))


def parse_profile(p: bytes, digest: bytes | None = None) -> Profile:
    """Read profile bytes; with ``digest``, only if they are the ones a statement signed.

    Raises:
        ProtocolError: ``statement.no_chain`` for other bytes than the signed ones, or a ``header`` code.
    """
    if digest is not None and profile_digest(p) != digest:
        raise ProtocolError("statement.no_chain", "not the profile that was signed")
    members = Members(parse_object(p), _NAMES)
    members.binary("salt", 16)
    return Profile(*(members.text(name) for name in _NAMES[1:]))
