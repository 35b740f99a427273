"""Writes that are one SQL statement each, run alike by an HTTP request and by the socket's group commit.

Invariant: a command's statement checks everything it needs (the sign-in, the device, the membership, the duty, the
state) in the snapshot in which it writes, and writes its audit event with it; it gives one row when done and none
when refused. Only then does ``explain`` look why, with queries of its own, and it changes nothing.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from audit.events import Event
from audit.openings import NEWEST_RECIPIENTS
from audit.services import leaf_of
from backend.errors import Unavailable
from backend.realtime import ring_after_commit
from identity.actors import Actor
from messaging import access

UNDER_EMERGENCY: Final = "ETREAT"  # v3-ActReason, of what is done under an emergency access

# The actor exists only while the sign-in, its device and the membership do: what was true when the socket opened does not count.
ACTING = """actor AS (
        SELECT s.person_id, m.hospital_id FROM identity_signin s
        JOIN identity_device d ON d.id = s.device_id AND d.revoked_at IS NULL
        JOIN identity_membership m ON m.person_id = s.person_id AND m.state = 'active'
        WHERE s.id = %(sign_in)s::uuid AND s.person_id = %(person)s::uuid AND s.device_id = %(device)s::uuid
            AND s.ended_at IS NULL AND s.expires_at > now()
    ), held AS (
        SELECT u.role_id FROM identity_holder u JOIN actor USING (person_id)
        JOIN identity_dutyrole r ON r.id = u.role_id AND r.hospital_id = actor.hospital_id AND r.closed_at IS NULL
    )"""

# Or an emergency access, the one that the statement's event names: what is done under one never looks like what is not.
IS_MEMBER = """(EXISTS (
            SELECT 1 FROM messaging_member m
            WHERE m.conversation_id = %(conversation)s::uuid AND m.removed_at IS NULL
                AND (m.principal = (SELECT person_id FROM actor) OR m.principal IN (SELECT role_id FROM held))
                AND EXISTS (SELECT 1 FROM actor)
        ) OR EXISTS (
            SELECT 1 FROM messaging_emergencyinforce broken
            WHERE broken.id = %(emergency)s::uuid AND broken.conversation_id = %(conversation)s::uuid
                AND broken.person_id = (SELECT person_id FROM actor)
        ))"""

HOLDS_ROLE = "(%(role)s::uuid IS NULL OR EXISTS (SELECT 1 FROM held WHERE role_id = %(role)s::uuid))"

# The leaf was made for this circle: a member of another hospital that joined since must find it in their log too.
CONCERNS_NO_OTHER = f"%(recipients)s::bytea = {NEWEST_RECIPIENTS.format('%(conversation)s::uuid')}"

# Whose sockets ring: persons and archives themselves, a role's present holder, and who reads under an emergency access.
PEOPLE = """ARRAY(
        SELECT m.principal FROM messaging_member m
        WHERE m.conversation_id = %(conversation)s::uuid AND m.removed_at IS NULL AND m.kind <> 'role'
        UNION
        SELECT u.person_id FROM messaging_member m JOIN identity_holder u ON u.role_id = m.principal
        WHERE m.conversation_id = %(conversation)s::uuid AND m.removed_at IS NULL AND m.kind = 'role'
        UNION
        SELECT broken.person_id FROM messaging_emergencyinforce broken WHERE broken.conversation_id = %(conversation)s::uuid
    )"""


class Circle(NamedTuple):
    """Who belongs to a conversation: the hospitals in whose logs its events are, and what a leaf commits to of its members."""

    hospitals: tuple[UUID, ...] = ()
    recipients: bytes | None = None


def under(event: Event, emergency: UUID | None) -> Event:
    """``event`` as done under an emergency access; as it is where there is none."""
    if emergency is None:
        return event
    return replace(event, subjects={**event.subjects, "emergency": emergency}, detail={**event.detail, "purpose": UNDER_EMERGENCY})


class Outcome(NamedTuple):
    """The answer, and the event for ``people``; nobody rings for a repetition."""

    status: int
    body: dict[str, Any]
    people: list[UUID]
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A person's write to one conversation."""

    actor: Actor
    conversation_id: UUID
    sql: ClassVar[str]

    def parameters(self, circle: Circle, emergency: UUID | None = None) -> dict[str, Any]:
        actor = self.actor
        who = {"sign_in": actor.sign_in_id, "person": actor.person_id, "device": actor.device_id, "conversation": self.conversation_id}
        leaf = leaf_of(under(self.audit_event(circle), emergency))
        return who | {"recipients": circle.recipients, "emergency": emergency} | leaf.parameters()

    def audit_event(self, circle: Circle) -> Event:
        raise NotImplementedError

    def outcome(self, row: tuple[Any, ...]) -> Outcome:
        """From the statement's row."""
        raise NotImplementedError

    def explain(self) -> Outcome | None:
        """Say why there was no row: raise the domain error, or answer a repetition with the first answer; ``None``
        when nothing stands in the way any more.
        """
        raise NotImplementedError


def run(command: Command) -> Outcome:
    """Do it in the caller's transaction, or in one of its own. Raises what ``explain`` raises."""
    row = _execute(command, circle_of(command.conversation_id))
    outcome = explain(command) if row is None else command.outcome(row)
    ring_after_commit(outcome.people, outcome.event)
    return outcome


def run_all(commands: Sequence[Command]) -> list[Outcome]:
    """``run`` for several in the caller's transaction: one savepoint, one query for the circles of all, a statement each. Where one of
    them cannot be done, all are tried again singly, and the first that is refused says why.
    """
    circles = read_circles([command.conversation_id for command in commands])
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            outcomes = [_done(cursor, command, circles.get(command.conversation_id, Circle())) for command in commands]
    except (IntegrityError, _Refused):
        return [run(command) for command in commands]
    for outcome in outcomes:
        ring_after_commit(outcome.people, outcome.event)
    return outcomes


class _Refused(Exception):
    """A statement gave no row."""


def _done(cursor: Any, command: Command, circle: Circle) -> Outcome:
    cursor.execute(command.sql, command.parameters(circle))
    row = cursor.fetchone()
    if row is None:
        raise _Refused
    return command.outcome(row)


def explain(command: Command) -> Outcome:
    """Why the statement did nothing: ``command.explain``; where that finds no reason (a member joined meanwhile, the actor reads under an
    emergency access), the statement again, which then names that access.

    Raises:
        DomainError: as ``command.explain``; ``Unavailable`` (``messaging.try_again``) when it still does nothing.
    """
    forget_circle(command.conversation_id)
    outcome = command.explain()
    if outcome is not None:
        return outcome
    row = _execute(command, circle_of(command.conversation_id), access.emergency_in(command.actor, command.conversation_id))
    if row is None:
        raise Unavailable("messaging.try_again", "Something changed at the same moment. Send the same again.")
    return command.outcome(row)


def _execute(command: Command, circle: Circle, emergency: UUID | None = None) -> tuple[Any, ...] | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(command.sql, command.parameters(circle, emergency))
            return cursor.fetchone()
    except IntegrityError:
        # The same id at the same moment on another connection: the unique index let one through.
        return None


@dataclass(slots=True)
class _Recent:
    """A conversation's circle, remembered: a hint that every statement checks again (``CONCERNS_NO_OTHER``)."""

    size: int
    known: "OrderedDict[UUID, Circle]" = field(default_factory=OrderedDict)


_recent = _Recent(size=50_000)


def known_circle(conversation_id: UUID) -> Circle | None:
    return _recent.known.get(conversation_id)


def circle_of(conversation_id: UUID) -> Circle:
    """A query only when it is not remembered; nobody when there is no such conversation."""
    found = _recent.known.get(conversation_id)
    if found is None:
        found = read_circle(conversation_id)
        if found.hospitals:
            _recent.known[conversation_id] = found
            while len(_recent.known) > _recent.size:
                _recent.known.popitem(last=False)
    return found


def read_circle(conversation_id: UUID) -> Circle:
    return read_circles([conversation_id]).get(conversation_id, Circle())


_CIRCLES = f"""
    SELECT m.conversation_id, array_agg(DISTINCT m.hospital_id), {NEWEST_RECIPIENTS.format("m.conversation_id")}
    FROM messaging_member m WHERE m.conversation_id = ANY (%s::uuid[]) AND m.removed_at IS NULL GROUP BY m.conversation_id"""  # noqa: S608


def read_circles(conversation_ids: Iterable[UUID]) -> dict[UUID, Circle]:
    """One query; a conversation that does not exist is missing."""
    with connection.cursor() as cursor:
        cursor.execute(_CIRCLES, [list(conversation_ids)])
        return {
            conversation: Circle(tuple(hospitals), recipients and bytes(recipients))
            for conversation, hospitals, recipients in cursor.fetchall()
        }


def forget_circle(conversation_id: UUID) -> None:
    _recent.known.pop(conversation_id, None)
