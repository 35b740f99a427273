"""Taking statements into the key directory.

Invariant: what is stored here, every client of the hospital would believe: the server applies the clients' own rules (``Directory``), in
one line per kind and subject, and each stored statement is a leaf of the audit log. Locks: rows first, the directory's lock last, kept
until commit; whoever holds it waits for nobody.
"""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from audit.events import Agent, Event
from audit.merkle import Range
from audit.services import record
from backend.errors import Conflict, Invalid
from identity.models import Statement as Row
from wardline_client.protocol import DeviceKey, Directory, ProtocolError, Revocation, Statement, encode, parse_statement, verify_statement

_DIRECTORY_LOCK = 7_205_759_403_792_001  # any number that is nobody else's
_ALWAYS_NEEDED = (Row.Kind.ROOT, Row.Kind.REGISTRAR)


def read(signed: dict[str, bytes], *, kind: str, hospital_id: UUID, subject: UUID, by: UUID) -> Statement:
    """Parse a statement and see that it is about what the caller says it is about.

    Raises:
        Invalid: a protocol code, or ``statement.unexpected`` for another kind, hospital, subject or signer.
    """
    statement = parsed(signed)
    if (statement.kind, statement.hospital, statement.subject, statement.by) != (kind, hospital_id, subject, by):
        raise Invalid("statement.unexpected", "The statement is of another kind, or about or by somebody else.")
    return statement


def parsed(signed: dict[str, bytes]) -> Statement:
    """Well-formed, and no more. Raises: Invalid: a protocol code."""
    try:
        return parse_statement(signed["h"], signed["s"])
    except ProtocolError as error:
        raise refused(error) from error


def accept(statement: Statement, *, root: bytes, agent: Agent, subject: UUID) -> Row:
    """Believe and store. ``subject`` is the pseudonymous id for the audit log.

    Raises:
        Conflict: ``statement.stale`` (``latest`` is what ``prev`` should name), ``statement.fork``.
        Invalid: ``statement.no_chain``, ``signature.invalid``.
    """
    lock_directory()
    known = _known(statement)
    _check_prev(statement, known)
    try:
        Directory({statement.hospital: root}, known).add(statement)
    except ProtocolError as error:
        raise refused(error) from error
    return _store(statement, agent=agent, subject=subject)


def accept_first(statements: list[Statement], *, root: bytes, agent: Agent, subjects: list[UUID]) -> list[Row]:
    """The first statements of a new hospital, believed in their order. Raises as ``accept``."""
    lock_directory()
    directory = Directory({statements[0].hospital: root})
    try:
        for statement in statements:
            directory.add(statement)
    except ProtocolError as error:
        raise refused(error) from error
    return [_store(statement, agent=agent, subject=subject) for statement, subject in zip(statements, subjects, strict=True)]


def accept_of_joining(statement: Statement, *, sign: bytes, agent: Agent) -> Row:
    """A device of somebody for whom no registrar has vouched yet, signed by the key they offer: believed once the
    member statement is there.
    """
    try:
        verify_statement(statement, sign)
    except ProtocolError as error:
        raise refused(error) from error
    if statement.prev is not None:
        raise Conflict("statement.stale", "This is the first statement about the device.", latest=None)
    lock_directory()
    return _store(statement, agent=agent, subject=statement.subject)


def refused(error: ProtocolError) -> Invalid | Conflict:
    if error.code == "statement.fork":
        return Conflict(error.code, "Another statement was made in the meantime.")
    return Invalid(error.code, "The statement does not follow the protocol.")


def latest(kind: str, subject: UUID, hospital_id: UUID) -> Row | None:
    return Row.objects.filter(kind=kind, subject=subject, hospital=hospital_id).order_by("-order").first()


def _known(statement: Statement) -> list[Statement]:
    """What the clients' rules need to judge this one: the registrars, and the lines of all who are named."""
    named = {statement.subject, statement.by}
    if isinstance(statement.body, DeviceKey | Revocation):
        named.add(statement.body.principal)
    rows = Row.objects.filter(Q(kind__in=_ALWAYS_NEEDED) | Q(subject__in=named), hospital=statement.hospital).order_by("order")
    return [parse_statement(bytes(row.header), bytes(row.signature)) for row in rows]


def _check_prev(statement: Statement, known: list[Statement]) -> None:
    line = [entry for entry in known if (entry.kind, entry.subject) == (statement.kind, statement.subject)]
    expected = line[-1].digest if line else None
    if statement.prev != expected:
        raise Conflict("statement.stale", "Another statement was made before.", latest=encode(expected) if expected else None)


def lock_directory() -> None:
    """One writer of the directory at a time: readers page by ``order``, and a number that becomes visible late would be skipped."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_DIRECTORY_LOCK])


def _store(statement: Statement, *, agent: Agent, subject: UUID) -> Row:
    fields: dict[str, Any] = {"hospital_id": statement.hospital, "kind": statement.kind, "subject": statement.subject}
    try:
        with transaction.atomic():
            row = Row.objects.create(digest=statement.digest, prev=statement.prev, header=statement.h, signature=statement.s, **fields)
    except IntegrityError as error:
        raise Conflict("statement.fork", "This statement, or another in its place, is known.") from error
    size, root = _grown_to(row)
    detail: dict[str, str | int | list[str]] = {"kind": statement.kind, "size": size, "root": root.hex()}
    event = Event("identity.statement", agent, [statement.hospital], subjects={"subject": subject}, detail=detail, digest=statement.digest)
    record(event=event)
    return row


def _grown_to(row: Row) -> tuple[int, bytes]:
    """Size and root of the hospital's log of statements with this one; in the audit log, whose witnesses so vouch for it too."""
    tree = Range()
    for leaf in Row.objects.filter(hospital=row.hospital_id, place__lte=row.place).order_by("place").values_list("leaf", flat=True):
        list(tree.append(bytes(leaf)))
    return tree.size, tree.root()
