"""Delivered and acknowledged.

Invariant: a person's delivered sequence only grows and never passes the conversation's last; a person acknowledges a
message once, in the role held at that moment.
"""

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from audit.events import Event
from audit.services import leaf_ctes
from backend.errors import Invalid
from messaging import access
from messaging.commands import ACTING, CONCERNS_NO_OTHER, HOLDS_ROLE, IS_MEMBER, PEOPLE, Circle, Command, Outcome
from messaging.models import Acknowledgement, Receipt


@dataclass(frozen=True, slots=True)
class Deliver(Command):
    """This person's device has stored everything up to ``sequence``."""

    sequence: int

    sql: ClassVar[str] = f"""WITH {ACTING}, reached AS (
        SELECT c.id FROM messaging_conversation c
        WHERE c.id = %(conversation)s::uuid AND c.last_sequence >= %(sequence)s::bigint AND c.closed_at IS NULL
            AND {IS_MEMBER} AND {CONCERNS_NO_OTHER}
    ), kept AS (
        INSERT INTO messaging_receipt AS r (conversation_id, person_id, delivered_sequence, pushed_sequence, updated_at)
        SELECT id, %(person)s::uuid, %(sequence)s::bigint, 0, now() FROM reached
        ON CONFLICT (conversation_id, person_id) DO UPDATE
            SET delivered_sequence = excluded.delivered_sequence, updated_at = excluded.updated_at
            WHERE r.delivered_sequence < excluded.delivered_sequence
        RETURNING r.delivered_sequence
    ), {leaf_ctes("kept")}
    SELECT delivered_sequence, {PEOPLE} FROM kept"""  # noqa: S608 -- put together from constants

    def parameters(self, circle: Circle, emergency: UUID | None = None) -> dict[str, Any]:
        return Command.parameters(self, circle, emergency) | {"sequence": self.sequence}

    def audit_event(self, circle: Circle) -> Event:
        agent, subjects, detail = self.actor.agent(), {"conversation": self.conversation_id}, {"sequence": self.sequence}
        return Event("messaging.deliver", agent, circle.hospitals, subjects=subjects, detail=detail, recipients=circle.recipients)

    def outcome(self, row: tuple[Any, ...]) -> Outcome:
        sequence, people = row
        body = {"conversation": self.conversation_id, "person": self.actor.person_id, "sequence": sequence}
        return Outcome(200, {"sequence": sequence}, people, {"t": "delivered", **body})

    def explain(self) -> Outcome | None:
        access.require_present(self.actor)
        conversation = access.conversation(self.actor, self.conversation_id)
        if self.sequence > conversation.last_sequence:
            raise Invalid("delivered.beyond_last", "There are not that many messages yet.", last_sequence=conversation.last_sequence)
        if conversation.closed_at is not None:
            # Whom it would tell has no more to do with us; the device that asks has what it has.
            return Outcome(200, {"sequence": self.sequence}, [], {})
        receipt = Receipt.objects.filter(
            conversation=conversation, person=self.actor.person_id, delivered_sequence__gte=self.sequence
        ).first()
        return Outcome(200, {"sequence": receipt.delivered_sequence}, [], {}) if receipt else None


@dataclass(frozen=True, slots=True)
class Acknowledge(Command):
    """Seen and taken on, visible to all members."""

    message_id: UUID
    role: UUID | None

    def __post_init__(self) -> None:
        self.actor.require_human()

    sql: ClassVar[str] = f"""WITH {ACTING}, done AS (
        INSERT INTO messaging_acknowledgement (message_id, person_id, role_id, created_at)
        SELECT m.id, %(person)s::uuid, %(role)s::uuid, now() FROM messaging_message m
        WHERE m.id = %(message)s::uuid AND m.conversation_id = %(conversation)s::uuid
            AND EXISTS (SELECT FROM messaging_conversation c WHERE c.id = m.conversation_id AND c.closed_at IS NULL)
            AND {IS_MEMBER} AND {HOLDS_ROLE} AND {CONCERNS_NO_OTHER}
        ON CONFLICT (message_id, person_id) DO NOTHING
        RETURNING created_at
    ), {leaf_ctes("done")}
    SELECT created_at, {PEOPLE} FROM done"""  # noqa: S608 -- put together from constants

    def parameters(self, circle: Circle, emergency: UUID | None = None) -> dict[str, Any]:
        return Command.parameters(self, circle, emergency) | {"message": self.message_id, "role": self.role}

    def audit_event(self, circle: Circle) -> Event:
        subjects = {"conversation": self.conversation_id, "message": self.message_id}
        agent = self.actor.agent(self.role)
        return Event("messaging.acknowledge", agent, circle.hospitals, subjects=subjects, recipients=circle.recipients)

    def outcome(self, row: tuple[Any, ...]) -> Outcome:
        at, people = row
        body = {"person": self.actor.person_id, "role": self.role, "at": at}
        return Outcome(201, body, people, {"t": "acknowledged", "conversation": self.conversation_id, "message": self.message_id, **body})

    def explain(self) -> Outcome | None:
        access.require_present(self.actor)
        message = access.message(self.actor, self.conversation_id, self.message_id)
        done = Acknowledgement.objects.filter(message=message, person=self.actor.person_id).first()
        if done is not None:
            return Outcome(200, {"person": done.person_id, "role": done.role_id, "at": done.created_at}, [], {})
        access.require_role_now(self.actor, self.role)
        access.require_open(message.conversation)
        return None
