"""Where ciphertext files lie, behind Django's storage API: a local folder, or what ``STORAGES["blobs"]`` names (S3
through django-storages).

Invariant: a name holds whole bytes or nothing. A chunk's name contains its digest, so two uploads of one chunk never
overwrite each other.
"""

import os
import tempfile
from functools import cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage, storages


class WholeFileStorage(FileSystemStorage):
    """Writes beside the place and renames: a crash leaves a nameless remainder, never half a file."""

    def _save(self, name: str, content: "File[bytes]") -> str:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".unfinished-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content.read())
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
        return name


@cache
def storage() -> Storage:
    if "blobs" in storages.backends:
        return storages["blobs"]
    return WholeFileStorage(location=settings.BLOB_DIR)


def put_chunk(attachment_id: UUID, number: int, digest: bytes, content: bytes) -> None:
    name = _name(attachment_id, number, digest)
    if not storage().exists(name):
        storage().save(name, ContentFile(content))


def get_chunk(attachment_id: UUID, number: int, digest: bytes) -> bytes:
    """Raises ``FileNotFoundError`` (or the storage's own error)."""
    with storage().open(_name(attachment_id, number, digest), "rb") as file:
        return bytes(file.read())


def _name(attachment_id: UUID, number: int, digest: bytes) -> str:
    return f"attachments/{attachment_id.hex[:2]}/{attachment_id}/{number}-{digest.hex()}"
