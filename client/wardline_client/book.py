"""Who is who, as far as it can be proved: the key directory and the names beside it.

Invariant: a name or key leaves here only with a chain to the pinned root behind it; what the service merely lists is not passed on. Nothing
is sealed to a hospital whose log of statements does not fit what was seen of it before (``protocol.watching``).
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from wardline_client.http import Api
from wardline_client.keyring import Keyring
from wardline_client.protocol import (
    DeviceKey,
    Directory,
    Principal,
    Profile,
    ProtocolError,
    Revocation,
    Statement,
    decode,
    leaf_hash,
    parse_profile,
    parse_statement,
)
from wardline_client.protocol.notes import SignedHead
from wardline_client.protocol.watching import Watching

Json = dict[str, Any]


@dataclass
class Book:
    api: Api
    keyring: Keyring
    directory: Directory = field(init=False)
    watching: Watching = field(init=False)
    listed: Json = field(default_factory=dict)
    #: Statements about the person that this device did not make, since it was last kept: to be shown to them.
    about_me: list[Statement] = field(default_factory=list)
    _order: int = 0
    _heads: int = 0
    _seen: int | None = None
    _signed_here: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.directory = Directory({self.keyring.hospital: self.keyring.root})
        self.watch(Watching(self.keyring.hospital))

    def watch(self, watching: Watching) -> None:
        """Go on from what was kept of the logs when this device last stopped."""
        self.watching = watching
        known = watching.log(self.keyring.hospital).known
        self._seen = known.size if known else None

    def refresh(self) -> None:
        """Fetch what is new in the key directory, and the list of hospitals, people and roles; judge it."""
        self._order = self._learn(self._order)
        self.listed = self.api.get("directory")
        for hospital in {*self.watching.gaps(), *self._unseen()}:
            # Accepted only now, so what it stated before was passed over.
            self._learn(0, hospital)
        self.watching.settle(time.monotonic())
        own = self.watching.log(self.keyring.hospital).tree
        self._seen = max(self._seen or 0, len(own))

    def _learn(self, order: int, hospital: UUID | None = None) -> int:
        """Take every page after ``order``; returns how far it reached."""
        asked = {"hospital": str(hospital), "heads": 0} if hospital else {"heads": self._heads}
        while True:
            page = self.api.get("statements", after=order, **asked)
            self._take(page["results"])
            order = max([order, *(row["order"] for row in page["results"])])
            for row in page["heads"]:
                self.watching.sign(UUID(row["hospital"]), row["note"], decode(row["key"]))
                self._heads = max(self._heads, row["order"])
            if page["next"] is None:
                return order

    def _take(self, rows: Iterable[Json]) -> None:
        statements = []
        for row in rows:
            hospital, leaf = UUID(row["hospital"]), decode(row["leaf"]) if row["leaf"] else None
            if row["h"]:
                statement = parse_statement(decode(row["h"]), decode(row["s"]))
                statements.append(statement)
                hospital, leaf = statement.hospital, leaf_hash(statement.h, statement.s)
                self._note_mine(statement, row["place"])
            if leaf:
                self.watching.take(hospital, row["place"], leaf)
        self.directory.extend(statements)

    def _unseen(self) -> list[UUID]:
        listed = [UUID(row["id"]) for row in self.listed["hospitals"]]
        return [hospital for hospital in listed if not len(self.watching.log(hospital).tree)]

    def _note_mine(self, statement: Statement, place: int) -> None:
        """A device, a revocation or keys of one's own that appeared without one's doing is what a thief or a liar would leave."""
        body, me = statement.body, self.keyring.person
        is_about_me = body.principal == me if isinstance(body, DeviceKey | Revocation) else statement.subject == me
        is_new = self._seen is not None and place >= self._seen
        if is_about_me and is_new and statement.digest not in self._signed_here and statement not in self.about_me:
            self.about_me.append(statement)

    def sign(self, statement: Statement) -> None:
        """Remember a statement made here, before it is sent."""
        self._signed_here.add(statement.digest)

    def expect(self, statement: Statement) -> None:
        """The service has taken it, so it must show it."""
        self.watching.expect(leaf_hash(statement.h, statement.s))

    def hear(self, heads: Iterable[SignedHead], by: UUID) -> None:
        """Compare with what somebody else was shown; looks again if that was more."""
        if self.watching.hear(heads, by):
            self.refresh()

    def heads_of(self, principals: Iterable[UUID]) -> tuple[SignedHead, ...]:
        """The verified heads of these principals' hospitals, for an epoch's header."""
        return self.watching.heads_of(self.directory.principal(principal).hospital for principal in principals)

    def accept(self, hospital: UUID) -> None:
        """Two people have compared their heads of this hospital, or its registrar has explained: believe what the service shows now."""
        self.watching.accept(hospital)
        self._order, self._heads, self.directory = 0, 0, Directory({self.keyring.hospital: self.keyring.root})
        self.watching.restart()
        self.refresh()

    def recipient(self, principal: UUID) -> Principal:
        """The proved keys of a principal, to seal to; looks once more when it is not known yet.

        Raises:
            ProtocolError: ``statement.no_chain``, ``statement.fork``, or a ``directory`` code: the hospital's log does not fit.
        """
        found = self._proved(principal)
        self.watching.check(found.hospital)
        return found

    def _proved(self, principal: UUID) -> Principal:
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
        return parse_profile(decode(row["profile"]), self._proved(principal).profile)

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
