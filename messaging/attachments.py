"""Files of ciphertext in numbered chunks: an upload goes on where the network dropped it (protocol 8).

Invariant: a chunk, once stored, never changes; a file counts as arrived only when size and SHA-256 of all its chunks
in order are what was announced. At most one chunk of a transfer is in memory. Only the uploader writes, only those
who may read the conversation now read, and opening is audited before the first byte leaves.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Invalid, TooLarge, Unavailable
from identity.actors import Actor
from messaging import access, blobs
from messaging.commands import read_circle, under
from messaging.models import Attachment, AttachmentChunk

CHUNK = 1024 * 1024 + 16
MAX_SIZE = 64 * CHUNK


@transaction.atomic
def announce(*, actor: Actor, id: UUID, conversation_id: UUID, size: int, sha256: bytes) -> tuple[Attachment, bool]:
    """Make room for a file; ``False`` beside it when it was announced before, alike.

    Raises:
        NotFound: not the actor's conversation.
        TooLarge: ``attachment.too_large {limit}``.
        Invalid: ``attachment.digest`` (not 32 bytes).
        Conflict: ``attachment.id_reused``, ``conversation.closed``.
    """
    conversation = access.conversation(actor, conversation_id)
    access.require_open(conversation)
    if size > MAX_SIZE:
        raise TooLarge("attachment.too_large", "This file is larger than an attachment may be.", limit=MAX_SIZE)
    if len(sha256) != 32:
        raise Invalid("attachment.digest", "A SHA-256 has 32 bytes.")
    announced = {"conversation_id": conversation.pk, "person_id": actor.person_id, "size": size, "sha256": sha256}
    attachment, is_new = Attachment.objects.get_or_create(pk=id, defaults=announced)
    if is_new:
        record(event=_event("messaging.announce_attachment", actor, attachment))
    elif {name: _plain(getattr(attachment, name)) for name in announced} != announced:
        raise Conflict("attachment.id_reused", "Another attachment has this id.")
    return attachment, is_new


@transaction.atomic
def store_chunk(*, actor: Actor, attachment_id: UUID, number: int, content: bytes) -> bool:
    """Keep one chunk; ``False`` when these bytes were here already.

    Raises:
        NotFound: not an attachment the actor uploads.
        Invalid: ``attachment.chunk_number``, ``attachment.chunk_size {expected}``.
        Conflict: ``attachment.chunk_differs``: other bytes came under this number before; ``attachment.complete``.
    """
    attachment = access.own_attachment(actor, attachment_id)
    expected = _expected_size(attachment, number)
    if len(content) != expected:
        raise Invalid("attachment.chunk_size", "A chunk has 1 MiB and 16 bytes, the last one the rest.", expected=expected)
    digest = hashlib.sha256(content).digest()
    # The file first: a row without its bytes would call the upload whole. Bytes without a row are written again, alike.
    blobs.put_chunk(attachment.pk, number, digest, content)
    kept, is_new = AttachmentChunk.objects.get_or_create(
        attachment=attachment, number=number, defaults={"size": len(content), "sha256": digest}
    )
    if bytes(kept.sha256) != digest:
        raise Conflict("attachment.chunk_differs", "Other bytes came under this number before.")
    if is_new:
        # Nobody else has learned of anything yet: the uploader's own log.
        subjects, detail = {"conversation": attachment.conversation_id, "attachment": attachment.pk}, {"chunk": number}
        record(event=Event("messaging.store_chunk", actor.agent(), [actor.hospital_id], subjects=subjects, detail=detail, digest=digest))
    return is_new


def complete(*, actor: Actor, attachment_id: UUID) -> Attachment:
    """Check the whole file and let messages refer to it. Again: the same answer.

    Raises:
        NotFound: not an attachment the actor uploads.
        Conflict: ``attachment.missing_chunks {missing}``.
        Invalid: ``attachment.digest_mismatch``: what arrived is not what was announced.
    """
    attachment = access.own_attachment(actor, attachment_id)
    if attachment.completed_at is not None:
        return attachment
    chunks = _chunks(attachment)
    if missing := sorted(set(range(_count(attachment))) - {number for number, _ in chunks}):
        raise Conflict("attachment.missing_chunks", "Send these chunks first.", missing=missing[:100])
    # Outside of a transaction: reading a large file must not hold one open. Chunks never change, so what is checked is what is kept.
    digest = hashlib.sha256()
    for number, chunk_digest in chunks:
        digest.update(_read(attachment, number, chunk_digest))
    if digest.digest() != bytes(attachment.sha256):
        raise Invalid("attachment.digest_mismatch", "The bytes that arrived have another SHA-256 than announced.")
    with transaction.atomic():
        if Attachment.objects.filter(pk=attachment.pk, completed_at=None).update(completed_at=timezone.now()):
            record(event=_event("messaging.complete_attachment", actor, attachment))
    attachment.refresh_from_db()
    return attachment


@transaction.atomic
def open_content(*, actor: Actor, attachment_id: UUID) -> tuple[Attachment, list[tuple[int, bytes]]]:
    """The file's chunks to be streamed with ``stream`` or ``stream_async``; the audit event is committed when this returns.

    Raises:
        NotFound: not the actor's to see.
        Conflict: ``attachment.incomplete``.
        Unavailable: ``attachment.unreadable``: the store does not give it out.
    """
    attachment = access.attachment(actor, attachment_id)
    if attachment.completed_at is None:
        raise Conflict("attachment.incomplete", "This attachment has not arrived whole.", attachment=str(attachment.pk))
    chunks = _chunks(attachment)
    _read(attachment, *chunks[0])
    record(event=_event("messaging.open_image", actor, attachment))
    return attachment, chunks


def stream(attachment: Attachment, chunks: list[tuple[int, bytes]]) -> Iterator[bytes]:
    for number, digest in chunks:
        yield _read(attachment, number, digest)


async def stream_async(attachment: Attachment, chunks: list[tuple[int, bytes]]) -> AsyncIterator[bytes]:
    """The next chunk is read when the former has gone out: one chunk in memory, however slow the reader."""
    for number, digest in chunks:
        yield await sync_to_async(_read, thread_sensitive=False)(attachment, number, digest)


def state(actor: Actor, attachment_id: UUID) -> dict[str, object]:
    """What has arrived. Raises ``NotFound``."""
    attachment = access.attachment(actor, attachment_id)
    arrived = [number for number, _ in _chunks(attachment)]
    return {"size": attachment.size, "chunks": arrived, "is_complete": attachment.completed_at is not None}


def _chunks(attachment: Attachment) -> list[tuple[int, bytes]]:
    rows = AttachmentChunk.objects.filter(attachment=attachment).order_by("number").values_list("number", "sha256")
    return [(number, bytes(digest)) for number, digest in rows]


def _read(attachment: Attachment, number: int, digest: bytes) -> bytes:
    try:
        content = blobs.get_chunk(attachment.pk, number, digest)
    except OSError:
        raise Unavailable("attachment.unreadable", "The store does not give out this file at the moment.") from None
    # Bytes that rotted in the store are not handed on as if they were the sender's.
    if hashlib.sha256(content).digest() != digest:
        raise Unavailable("attachment.unreadable", "The stored bytes of this file have changed.")
    return content


def _count(attachment: Attachment) -> int:
    return -(-attachment.size // CHUNK)


def _expected_size(attachment: Attachment, number: int) -> int:
    count = _count(attachment)
    if number >= count:
        raise Invalid("attachment.chunk_number", "The file has fewer chunks.", count=count)
    return CHUNK if number < count - 1 else attachment.size - CHUNK * (count - 1)


def _event(action: str, actor: Actor, attachment: Attachment) -> Event:
    subjects = {"conversation": attachment.conversation_id, "attachment": attachment.pk}
    hospitals, digest = read_circle(attachment.conversation_id).hospitals, bytes(attachment.sha256)
    event = Event(action=action, agent=actor.agent(), hospitals=hospitals, subjects=subjects, digest=digest)
    return under(event, access.emergency_in(actor, attachment.conversation_id))


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value
