"""Whom a client believes: statements chained up to a pinned root (section 4, "Chain").

Invariant: every statement held here was signed by somebody who was allowed to say it, counted from the pinned roots; a question
about anything else is answered by an error, never by a key. The order statements arrive in decides nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Final, NamedTuple, cast
from uuid import UUID

from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.signing import kid
from wardline_client.protocol.statements import (
    DeviceKey,
    Keys,
    Office,
    Officers,
    Partner,
    Revocation,
    RoleKeys,
    Sign,
    Statement,
    verify_statement,
)

# Who must be known before whom.
_RANK: Final = ("root", "registrar", "recovery", "partner", "member", "archive", "role", "device", "device-revoked")
_BY_REGISTRAR: Final = frozenset({"partner", "member", "archive", "role"})


class Principal(NamedTuple):
    """A proved recipient. ``sign`` is ``None`` for a duty role."""

    kind: str
    id: UUID
    hospital: UUID
    generation: int
    kem: bytes
    sign: bytes | None
    profile: bytes
    eligible: tuple[UUID, ...]
    statement: Statement


class Device(NamedTuple):
    """A proved device; ``revoked`` is the statement that ended it."""

    id: UUID
    principal: UUID
    sign: bytes
    revoked: Statement | None


class Refused(NamedTuple):
    statement: Statement
    code: str


@dataclass
class _Line:
    """The statements of one kind about one subject, oldest first."""

    statements: list[Statement] = field(default_factory=list)
    forked: bool = False


class Directory:
    """The believed statements of the pinned hospital(s) and their partners."""

    def __init__(self, pins: Mapping[UUID, bytes], statements: Iterable[Statement] = ()) -> None:
        """``pins`` maps a hospital to the root public key known from the link or invitation."""
        self._pins = dict(pins)
        self._lines: dict[tuple[str, UUID], _Line] = {}
        self.refused: list[Refused] = []
        self.extend(statements)

    def extend(self, statements: Iterable[Statement]) -> list[Refused]:
        """Take in what can be proved, in whatever order it came; what cannot is returned, kept in ``refused`` and tried again next time."""
        again = [entry.statement for entry in self.refused if entry.code == "statement.no_chain"]
        self.refused = [entry for entry in self.refused if entry.code != "statement.no_chain"]
        waiting = sorted([*again, *statements], key=self._arrival)
        refused: list[Refused] = []
        # Each round proves at least one more link of some line, or nothing more can be proved.
        while waiting:
            refused = []
            for statement in waiting:
                try:
                    self.add(statement)
                except ProtocolError as error:
                    refused.append(Refused(statement, error.code))
            if len(refused) == len(waiting):
                break
            waiting = [entry.statement for entry in refused if entry.code == "statement.no_chain"]
            self.refused.extend(entry for entry in refused if entry.code != "statement.no_chain")
            refused = []
        self.refused.extend(refused)
        return refused

    def _arrival(self, statement: Statement) -> tuple[bool, int, str]:
        return statement.hospital not in self._pins, _RANK.index(statement.kind), statement.at.isoformat()

    def add(self, statement: Statement) -> None:
        """Take in one statement whose predecessor and signer are already known.

        Raises:
            ProtocolError: ``statement.no_chain``, ``statement.fork`` or ``signature.invalid``.
        """
        line = self._lines.get((statement.kind, statement.subject))
        if line and statement.digest in [known.digest for known in line.statements]:
            return
        verify_statement(statement, self._signer(statement))
        if line is None:
            line = _Line()
        self._check_place(line, statement)
        line.statements.append(statement)
        self._lines[statement.kind, statement.subject] = line

    def _check_place(self, line: _Line, statement: Statement) -> None:
        latest = line.statements[-1] if line.statements else None
        if latest and latest.hospital != statement.hospital and latest.hospital in self._pins:
            raise ProtocolError("statement.no_chain", "subject of the pinned hospital")
        if any(known.prev == statement.prev for known in line.statements):
            # Both were properly signed: somebody shows different people different keys. Neither is believed.
            line.forked = True
            raise ProtocolError("statement.fork", f"{statement.kind} {statement.subject}")
        if statement.prev != (latest.digest if latest else None):
            raise ProtocolError("statement.no_chain", "predecessor unknown")
        if latest and not _may_follow(latest, statement):
            raise ProtocolError("statement.no_chain", "cannot follow its predecessor")

    def _signer(self, statement: Statement) -> bytes:
        """The public key that ``by`` names, if its owner may make this statement."""
        hospital = statement.hospital
        if statement.kind == "root":
            candidates = self._roots(statement) if statement.by == hospital == statement.subject else []
            candidates = [key for key in candidates if statement.body == Sign(key)]
        elif statement.kind == "registrar":
            candidates = self._keys("root", hospital, statement) if statement.by == hospital else []
        elif statement.kind == "recovery":
            candidates = self._keys("root", hospital, statement) if statement.by == hospital == statement.subject else []
        elif statement.kind in _BY_REGISTRAR:
            candidates = self._keys("registrar", statement.by, statement)
        else:
            candidates = self._owner_keys(statement)
        for key in candidates:
            if kid(key) == statement.kid:
                return key
        raise ProtocolError("statement.no_chain", f"{statement.kind} by {statement.by}")

    def _roots(self, statement: Statement) -> list[bytes]:
        """Roots that hold for ``statement``: the pinned one; a partner's, and a former one for what is older than its end."""
        hospital = statement.hospital
        if hospital in self._pins:
            return [self._pins[hospital]]
        line = self._lines.get(("partner", hospital))
        # One step: only what a pinned hospital says about a partner counts, not what a partner says about another.
        if line is None or line.forked or line.statements[-1].hospital not in self._pins:
            return []
        said = _in_force(line.statements, statement.at)
        return [entry.body.root for entry in said if isinstance(entry.body, Partner) and entry.body.root is not None]

    def _owner_keys(self, statement: Statement) -> list[bytes]:
        """Keys that may sign a ``device`` or ``device-revoked`` statement."""
        body = cast(DeviceKey | Revocation, statement.body)
        if statement.by == body.principal:
            return self._keys("member", statement.by, statement) + self._keys("archive", statement.by, statement)
        if isinstance(body, Revocation):
            return self._keys("registrar", statement.by, statement)
        return []

    def _keys(self, kind: str, subject: UUID, statement: Statement) -> list[bytes]:
        """Signing keys of a line that hold for ``statement``: the latest, and a former one for what is older than its successor."""
        line = self._lines.get((kind, subject))
        if line is None or line.forked:
            return []
        said = [entry for entry in _in_force(line.statements, statement.at) if entry.hospital == statement.hospital]
        keys = [entry.body.sign for entry in said if isinstance(entry.body, Sign | Office | Keys)]
        return [key for key in keys if key is not None]

    def latest(self, kind: str, subject: UUID) -> Statement | None:
        """The statement that holds, ``None`` if there is none; raises ``statement.fork``."""
        line = self._lines.get((kind, subject))
        if line is None:
            return None
        if line.forked:
            raise ProtocolError("statement.fork", f"{kind} {subject}")
        return line.statements[-1]

    def line(self, kind: str, subject: UUID) -> tuple[Statement, ...]:
        """All statements of one kind about one subject, oldest first; raises ``statement.fork``."""
        return tuple(self._lines[kind, subject].statements) if self.latest(kind, subject) else ()

    def principal(self, subject: UUID) -> Principal:
        """The proved current keys of a user, duty role or archive.

        Raises:
            ProtocolError: ``statement.no_chain`` or ``statement.fork``.
        """
        found = [entry for kind in ("member", "role", "archive") if (entry := self.latest(kind, subject))]
        if len(found) != 1:
            raise ProtocolError("statement.no_chain", f"principal {subject}")
        (entry,) = found
        if not self.is_trusted(entry.hospital):
            raise ProtocolError("statement.no_chain", f"{entry.hospital} is no partner any more")
        body = cast(Keys | RoleKeys, entry.body)
        return Principal(
            kind=entry.kind,
            id=subject,
            hospital=entry.hospital,
            generation=body.generation,
            kem=body.kem,
            sign=body.sign if isinstance(body, Keys) else None,
            profile=body.profile,
            eligible=body.eligible if isinstance(body, RoleKeys) else (),
            statement=entry,
        )

    def device(self, device: UUID) -> Device:
        """A device that may sign now.

        Raises:
            ProtocolError: ``statement.no_chain``, ``statement.fork`` or ``statement.revoked``.
        """
        found = self.device_ever(device)
        if found.revoked:
            raise ProtocolError("statement.revoked", f"device {device}")
        entry = self.latest("device", device)
        owner = self.principal(found.principal)
        if entry is None or owner.sign is None or kid(owner.sign) != entry.kid:
            raise ProtocolError("statement.no_chain", "not stated by its owner's present key")
        return found

    def device_ever(self, device: UUID) -> Device:
        """A device as it was, even if it is revoked by now: for reading what it signed while it was one.

        Raises:
            ProtocolError: ``statement.no_chain`` or ``statement.fork``.
        """
        entry = self.latest("device", device)
        if entry is None or not isinstance(entry.body, DeviceKey):
            raise ProtocolError("statement.no_chain", f"device {device}")
        revoked = self.latest("device-revoked", device)
        if revoked and isinstance(revoked.body, Revocation) and revoked.body.principal != entry.body.principal:
            revoked = None
        return Device(id=device, principal=entry.body.principal, sign=entry.body.sign, revoked=revoked)

    def is_trusted(self, hospital: UUID) -> bool:
        """Whether keys of this hospital are believed now: it is pinned, or a partner whose partnership has not ended."""
        if hospital in self._pins:
            return True
        said = self.latest("partner", hospital)
        return said is not None and said.hospital in self._pins and cast(Partner, said.body).root is not None

    def officers(self, hospital: UUID) -> Statement | None:
        """The statement that names the hospital's recovery officers now, ``None`` if there are none; raises ``statement.fork``."""
        said = self.latest("recovery", hospital)
        return said if said is not None and cast(Officers, said.body).officers else None

    def is_registrar(self, person: UUID) -> bool:
        said = self.latest("registrar", person)
        return said is not None and cast(Office, said.body).sign is not None


def _in_force(line: list[Statement], at: datetime) -> list[Statement]:
    """What holds for something said at ``at``: the latest, and a former one until the ``at`` of the one that replaced it."""
    return [entry for entry, successor in zip_longest(line, line[1:]) if successor is None or at < successor.at]


def _may_follow(latest: Statement, statement: Statement) -> bool:
    """One hospital per subject, generations never fall, one generation has one key, a device keeps its key and its owner."""
    if latest.hospital != statement.hospital:
        return False
    match latest.body, statement.body:
        case (Keys() | RoleKeys()) as old, (Keys() | RoleKeys()) as new:
            return new.generation > old.generation or (new.generation == old.generation and new.kem == old.kem)
        case DeviceKey() as old_device, DeviceKey() as new_device:
            return old_device == new_device
        case _:
            return True
