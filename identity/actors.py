"""Who is acting.

Invariant: an ``Actor`` exists only while a sign-in, its device and its person's membership are all in force at this moment; nothing of it
is cached between requests, so what ends now is refused at the next request.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection
from django.utils import timezone

from audit.events import Agent
from audit.openings import NEWEST_AGENT
from backend.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Actor:
    """A person on a device, signed in, with the duty roles held right now.

    ``is_pending``: joined, but no registrar has vouched yet. Such a person has no role, is no registrar and may only look after the own
    account. ``is_auditor``: appointed by a registrar for a term that runs now (``AuditorTerm``). ``snapshot``: what the
    audit log commits to of name and profession, as they were at this request or when the socket opened.
    """

    person_id: UUID
    pseudonym: UUID
    kind: str
    hospital_id: UUID
    device_id: UUID
    device_public_key: bytes
    sign_in_id: UUID
    is_registrar: bool
    profession: str
    method: str
    roles: frozenset[UUID]
    expires_at: datetime
    is_pending: bool = False
    is_auditor: bool = False
    snapshot: bytes | None = None
    seen_at: datetime | None = None

    def agent(self, role: UUID | None = None) -> Agent:
        """This actor in the words of the audit log; ``role`` is the duty role acted in."""
        return Agent(
            person=self.pseudonym,
            hospital=self.hospital_id,
            role=role,
            device=self.device_id,
            profession=self.profession,
            method=self.method,
            snapshot=self.snapshot,
        )

    def require_role(self, role: UUID | None) -> UUID | None:
        """``role`` itself, if the actor holds it now or it is ``None``.

        Raises:
            Forbidden: ``role.not_on_duty``.
        """
        if role is not None and role not in self.roles:
            raise Forbidden("role.not_on_duty", "You do not hold this duty role now.")
        return role

    def require_registrar(self) -> None:
        """Raises: Forbidden: ``registrar.required``."""
        if not self.is_registrar:
            raise Forbidden("registrar.required", "Only a registrar of the hospital may do this.")

    def require_log_reader(self) -> None:
        """The hospital's log is for its registrars and auditors. Raises: Forbidden: ``auditor.required``."""
        if not (self.is_registrar or self.is_auditor):
            raise Forbidden("auditor.required", "Only an auditor or a registrar of the hospital may see this.")

    def require_human(self) -> None:
        """An archive reads along; what a person answers for, it does not do. Raises: Forbidden: ``actor.not_human``."""
        if self.kind != "human":
            raise Forbidden("actor.not_human", "Only a person may do this, not an archive.")

    @property
    def principals(self) -> list[UUID]:
        """Whose conversations the actor may read: the own ones and those of the roles held."""
        return [self.person_id, *self.roles]


class Lapse(StrEnum):
    """Why a once-valid cookie is refused, as an error code. A client wipes its store on ``device.revoked`` and ``membership.ended``."""

    DEVICE_REVOKED = "device.revoked"
    MEMBERSHIP_ENDED = "membership.ended"
    SESSION_ENDED = "session.ended"


class Resolved(NamedTuple):
    """An actor, or why there is none any more and whose cookie it was. All ``None``: the cookie never was a sign-in."""

    actor: Actor | None
    lapse: Lapse | None = None
    former: Agent | None = None


_SQL = f"""
    SELECT person.id, person.pseudonym, person.kind, membership.hospital_id, device.id, device.public_key, sign_in.id,
        membership.is_registrar, person.profession, sign_in.method, sign_in.expires_at, membership.state,
        ARRAY(
            SELECT holder.role_id FROM identity_holder holder JOIN identity_dutyrole role ON role.id = holder.role_id
            WHERE holder.person_id = person.id AND role.closed_at IS NULL AND role.hospital_id = membership.hospital_id
        ),
        EXISTS (
            SELECT FROM identity_auditorterm term
            WHERE term.membership_id = membership.id AND term.ended_at IS NULL AND (term.until IS NULL OR term.until > %(now)s)
        ),
        {NEWEST_AGENT.format("person.pseudonym")},
        sign_in.last_seen_at, sign_in.ended_at IS NOT NULL OR sign_in.expires_at <= %(now)s, device.revoked_at IS NOT NULL
    FROM identity_signin sign_in
    JOIN identity_device device ON device.id = sign_in.device_id
    JOIN identity_person person ON person.id = sign_in.person_id
    JOIN LATERAL (
        SELECT * FROM identity_membership WHERE person_id = person.id ORDER BY created_at DESC LIMIT 1
    ) membership ON true
    WHERE sign_in.session_digest = %(digest)s
"""  # noqa: S608 -- put together from constants


def session_digest(session_key: str) -> bytes:
    return hashlib.sha256(session_key.encode()).digest()


def resolve(session_key: str | None) -> Resolved:
    """The actor behind a session cookie, or why it is none any more. One query."""
    if not session_key:
        return Resolved(None)
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"now": timezone.now(), "digest": session_digest(session_key)})
        row = cursor.fetchone()
    if row is None:
        return Resolved(None)
    *_, state, roles, is_auditor, commitment, seen_at, is_over, is_revoked = row
    snapshot = None if commitment is None else bytes(commitment)
    # The device first: it is what tells a client to wipe its store, and revocation ends the sign-in too.
    lapse = Lapse.DEVICE_REVOKED if is_revoked else Lapse.MEMBERSHIP_ENDED if state == "ended" else Lapse.SESSION_ENDED if is_over else None
    if lapse:
        return Resolved(None, lapse, Agent(row[1], row[3], None, row[4], row[8], row[9], snapshot))
    is_pending = state == "pending"
    actor = Actor(
        person_id=row[0],
        pseudonym=row[1],
        kind=row[2],
        hospital_id=row[3],
        device_id=row[4],
        device_public_key=bytes(row[5]),
        sign_in_id=row[6],
        is_registrar=row[7] and not is_pending,
        profession=row[8],
        method=row[9],
        expires_at=row[10],
        roles=frozenset() if is_pending else frozenset(roles),
        is_pending=is_pending,
        is_auditor=is_auditor and not is_pending,
        snapshot=snapshot,
        seen_at=seen_at,
    )
    return Resolved(actor)


def actor_of_session(session_key: str | None) -> Actor | None:
    """The active member behind a session cookie, ``None`` for everybody else, the pending included. One query."""
    actor = resolve(session_key).actor
    return None if actor is None or actor.is_pending else actor


_GOOD_SQL = """
    SELECT sign_in.id FROM identity_signin sign_in
    JOIN identity_device device ON device.id = sign_in.device_id AND device.revoked_at IS NULL
    JOIN identity_membership membership ON membership.person_id = sign_in.person_id AND membership.state = 'active'
    WHERE sign_in.id = ANY(%s) AND sign_in.ended_at IS NULL AND sign_in.expires_at > %s
"""


def still_good(sign_ins: Iterable[UUID]) -> set[UUID]:
    """Those of ``sign_ins`` that are in force at this moment, device and membership included. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_GOOD_SQL, [list(sign_ins), timezone.now()])
        return {sign_in for (sign_in,) in cursor.fetchall()}


def _in_thread(session_key: str | None) -> Actor | None:
    try:
        return actor_of_session(session_key)
    finally:
        close_old_connections()


async def aactor_of_session(session_key: str | None) -> Actor | None:
    """``actor_of_session`` for the socket; the database is asked in a thread of its own."""
    return await sync_to_async(_in_thread, thread_sensitive=False)(session_key)


async def astill_good(sign_ins: Iterable[UUID]) -> set[UUID]:
    """``still_good`` for the socket."""
    return await sync_to_async(_good_in_thread, thread_sensitive=False)(sign_ins)


def _good_in_thread(sign_ins: Iterable[UUID]) -> set[UUID]:
    try:
        return still_good(sign_ins)
    finally:
        close_old_connections()
