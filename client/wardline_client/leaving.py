"""Signing away the devices of those who left.

Invariant: a registrar's client signs only what its own directory proves to be a device of the person the service says has left.
"""

from typing import TYPE_CHECKING, Final
from uuid import UUID

from wardline_client.http import ApiError
from wardline_client.protocol import ProtocolError

if TYPE_CHECKING:
    from wardline_client.registrar import Registrar

_QUICKER: Final = frozenset({"device.revoked", "statement.stale", "statement.fork"})  # another registrar was


def sign_owed_revocations(registrar: "Registrar") -> list[UUID]:
    """All that the service says is owed; what the directory does not prove to be that person's is left out. Returns what was signed."""
    owed = registrar.session.api.get("members/owed-revocations")["results"]
    if owed:
        registrar.session.book.refresh()
    return [UUID(row["device"]) for row in owed if _sign(registrar, UUID(row["device"]), UUID(row["person"]))]


def _sign(registrar: "Registrar", device: UUID, person: UUID) -> bool:
    try:
        if registrar.session.book.directory.device_ever(device).principal != person:
            return False
        registrar.revoke(device, person, "left")
    except ProtocolError:
        return False
    except ApiError as error:
        if error.code not in _QUICKER:
            raise
        return False
    return True
