"""Sending a message: the hot path.

Invariant: sequence, message and audit event are one statement in one transaction; a message id is stored once, with
the bytes that were signed, and a retry with the same bytes gets the same answer. Who is no member, has lost the
device or the duty, or seals to an old epoch changes nothing.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from audit.events import Event
from audit.services import leaf_ctes
from backend.errors import Conflict
from messaging import access
from messaging.commands import ACTING, CONCERNS_NO_OTHER, HOLDS_ROLE, IS_MEMBER, PEOPLE, Circle, Command, Outcome
from messaging.envelopes import Envelope
from messaging.models import Attachment, Conversation, Message
from wardline_client.protocol.encoding import encode
from wardline_client.protocol.messages import MessageHeader


@dataclass(frozen=True, slots=True)
class Send(Command):
    """``header`` is the parsed ``envelope.h``; both have passed ``envelopes.check_message``."""

    envelope: Envelope
    header: MessageHeader

    def __post_init__(self) -> None:
        self.actor.require_human()

    # The row of the conversation decides the order: whoever updates it first has the lower sequence, and the next one
    # waits for that commit.
    sql: ClassVar[str] = f"""WITH {ACTING}, numbered AS (
        UPDATE messaging_conversation c SET last_sequence = c.last_sequence + 1, last_at = clock_timestamp()
        WHERE c.id = %(conversation)s::uuid AND c.epoch = %(epoch)s::bigint AND c.closed_at IS NULL
            AND {IS_MEMBER}
            AND {HOLDS_ROLE}
            AND {CONCERNS_NO_OTHER}
            AND NOT EXISTS (SELECT 1 FROM messaging_message WHERE id = %(message)s::uuid)
            AND %(files)s::int = (
                SELECT count(*) FROM messaging_attachment a
                JOIN unnest(%(file_ids)s::uuid[], %(file_digests)s::bytea[], %(file_sizes)s::bigint[]) AS f (id, sha256, size)
                USING (id, sha256, size)
                WHERE a.conversation_id = %(conversation)s::uuid AND a.completed_at IS NOT NULL
            )
        RETURNING c.last_sequence AS sequence, c.last_at AS created_at, c.epoch
    ), sent AS (
        INSERT INTO messaging_message
            (id, conversation_id, sequence, epoch, person_id, role_id, device_id, priority, header, ciphertext, signature, created_at)
        SELECT %(message)s::uuid, %(conversation)s::uuid, sequence, epoch, %(person)s::uuid, %(role)s::uuid, %(device)s::uuid,
            %(priority)s::text, %(h)s::bytea, %(c)s::bytea, %(s)s::bytea, created_at
        FROM numbered
        RETURNING sequence, created_at
    ), {leaf_ctes("sent")}
    SELECT sequence, created_at, {PEOPLE} FROM sent"""  # noqa: S608 -- put together from constants

    def parameters(self, circle: Circle, emergency: UUID | None = None) -> dict[str, Any]:
        header, files = self.header, self.header.attachments
        what = {"message": header.id, "epoch": header.epoch, "role": header.role, "priority": header.priority, **self.envelope._asdict()}
        what |= {
            "files": len(files),
            "file_ids": [f.id for f in files],
            "file_digests": [f.sha256 for f in files],
            "file_sizes": [f.size for f in files],
        }
        return Command.parameters(self, circle, emergency) | what

    def audit_event(self, circle: Circle) -> Event:
        return Event(
            action="messaging.send",
            agent=self.actor.agent(self.header.role),
            hospitals=circle.hospitals,
            subjects={"conversation": self.conversation_id, "message": self.header.id},
            detail={"priority": self.header.priority, "attachments": len(self.header.attachments)},
            digest=hashlib.sha256(self.envelope.c).digest(),
            recipients=circle.recipients,
        )

    def outcome(self, row: tuple[Any, ...]) -> Outcome:
        sequence, created_at, people = row
        message = message_event(self, sequence, created_at)
        return Outcome(
            201,
            answer(self.header.id, sequence, created_at),
            people,
            {"t": "message", "conversation": self.conversation_id, "message": message},
        )

    def explain(self) -> Outcome | None:
        access.require_present(self.actor)
        conversation = access.conversation(self.actor, self.conversation_id)
        stored = Message.objects.filter(pk=self.header.id).first()
        if stored is not None:
            return self._repeated(stored)
        access.require_role_now(self.actor, self.header.role)
        self._check_state(conversation)
        return None

    def _repeated(self, stored: Message) -> Outcome:
        bytes_stored = (bytes(stored.header), bytes(stored.ciphertext), bytes(stored.signature))
        if stored.conversation_id != self.conversation_id or bytes_stored != tuple(self.envelope):
            raise Conflict("message.id_reused", "Another message has this id. A retry sends the identical bytes.")
        return Outcome(200, answer(stored.id, stored.sequence, stored.created_at), [], {})

    def _check_state(self, conversation: Conversation) -> None:
        access.require_open(conversation)
        if conversation.epoch != self.header.epoch:
            raise Conflict("epoch.not_current", "Seal the message in the current epoch.", epoch=conversation.epoch)
        for file in self.header.attachments:
            whole = Attachment.objects.filter(pk=file.id, conversation=conversation, size=file.size, sha256=file.sha256).exclude(
                completed_at=None
            )
            if not whole.exists():
                raise Conflict("attachment.incomplete", "An attachment of this message has not arrived whole.", attachment=str(file.id))


def answer(message_id: UUID, sequence: int, created_at: datetime) -> dict[str, Any]:
    return {"sequence": sequence, "id": message_id, "created_at": created_at}


def message_event(command: Send, sequence: int, created_at: datetime) -> dict[str, Any]:
    """The message as its readers get it; ``reading.messages_after`` gives the same."""
    header, envelope = command.header, command.envelope
    who = {"person": header.by, "role": header.role, "device": header.device, "priority": header.priority}
    sealed = {"h": encode(envelope.h), "c": encode(envelope.c), "s": encode(envelope.s)}
    return {"sequence": sequence, "id": header.id, "epoch": header.epoch, **who, "created_at": created_at, **sealed, "acknowledged": []}
