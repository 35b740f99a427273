"""What people do with conversations and messages.

Invariant: each function is one transaction with its audit records in it; whoever loses a race gets a domain error and has changed nothing.
"""

from typing import Any, NamedTuple
from uuid import UUID

from identity.actors import Actor
from messaging.models import Conversation


class Envelope(NamedTuple):
    """A message as sent (protocol 6): header, ciphertext, signature."""

    h: bytes
    c: bytes
    s: bytes


class SealedEpoch(NamedTuple):
    """An epoch as sent (protocol 5): header, wraps in the order of ``to``, signature."""

    h: bytes
    w: tuple[bytes, ...]
    s: bytes


def create_conversation(*, actor: Actor, id: UUID, kind: str, members: list[UUID], epoch: SealedEpoch, role: UUID | None = None) -> Conversation:
    raise NotImplementedError


def send_message(*, actor: Actor, conversation_id: UUID, envelope: Envelope) -> dict[str, Any]:
    raise NotImplementedError
