"""Who is who, as far as it can be proved: the key directory and the names beside it.

Invariant: a name or key leaves here only with a chain to the pinned root behind it; what the service merely lists is not passed on.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from wardline_client.http import Api
from wardline_client.keyring import Keyring
from wardline_client.protocol import Directory, Principal, Profile, ProtocolError, decode, parse_profile, parse_statement

Json = dict[str, Any]


@dataclass
class Book:
    api: Api
    keyring: Keyring
    directory: Directory = field(init=False)
    listed: Json = field(default_factory=dict)
    _order: int = 0

    def __post_init__(self) -> None:
        self.directory = Directory({self.keyring.hospital: self.keyring.root})

    def refresh(self) -> None:
        """Fetch what is new in the key directory, and the list of hospitals, people and roles."""
        while rows := self.api.get("statements", after=self._order)["results"]:
            self.directory.extend(parse_statement(decode(row["h"]), decode(row["s"])) for row in rows)
            self._order = max(row["order"] for row in rows)
        self.listed = self.api.get("directory")

    def recipient(self, principal: UUID) -> Principal:
        """The proved keys of a principal; looks once more when it is not known yet. Raises ``ProtocolError``."""
        try:
            return self.directory.principal(principal)
        except ProtocolError:
            self.refresh()
            return self.directory.principal(principal)

    def profile(self, principal: UUID) -> Profile:
        """The name a registrar signed. Raises ``ProtocolError``, ``LookupError`` when the service lists none."""
        rows = [*self._rows("people"), *self._rows("roles")]
        row = next((row for row in rows if row["id"] == str(principal)), None)
        if row is None:
            raise LookupError(principal)
        return parse_profile(decode(row["profile"]), self.recipient(principal).profile)

    def archives(self, hospital: UUID) -> list[UUID]:
        """The proved archives of a hospital."""
        listed = [UUID(row["id"]) for row in self._rows("people") if row["kind"] == "archive" and row["hospital"] == str(hospital)]
        return [archive for archive in listed if self.recipient(archive).hospital == hospital]

    def roles(self, hospital: UUID) -> list[Json]:
        """The duty roles of a hospital as listed; their keys are proved when something is sealed to them."""
        return [row for row in self._rows("roles") if row["hospital"] == str(hospital)]

    def hospital(self, slug: str) -> Json:
        return next(row for row in self._rows("hospitals") if row["slug"] == slug)

    def _rows(self, name: str) -> list[Json]:
        if not self.listed:
            self.refresh()
        rows: list[Json] = self.listed[name]
        return rows
