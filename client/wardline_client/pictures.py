"""Photographs: cleaned, sealed, carried up and down in chunks.

Invariant: a photograph is decoded and re-encoded before it is sealed, on every path, so no metadata block survives; plaintext never
reaches the service.
"""

import hashlib
import io
import os
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

from PIL import Image as Picture
from PIL import ImageOps

from wardline_client.http import Api
from wardline_client.protocol import Attachment, ProtocolError, encode
from wardline_client.protocol.bodies import Image
from wardline_client.protocol.images import open_image, seal_image

Json = dict[str, Any]

LONGEST_SIDE: Final = 4_096
QUALITY: Final = 88


@dataclass(frozen=True)
class Cleaned:
    """A JPEG without metadata; width and height in pixels."""

    data: bytes = field(repr=False)
    width: int
    height: int


def clean(photograph: bytes) -> Cleaned:
    """Decode, turn upright, shrink to ``LONGEST_SIDE``, encode anew. Raises ``OSError`` for what is no picture."""
    with Picture.open(io.BytesIO(photograph)) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    # A new image takes over pixels only: EXIF, GPS, profiles and comments hang on the old one.
    bare = Picture.new("RGB", picture.size)
    bare.paste(picture)
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=QUALITY)
    return Cleaned(out.getvalue(), *bare.size)


def upload(api: Api, conversation: UUID, cleaned: Cleaned, *, caption: str = "") -> tuple[Image, Attachment]:
    """Seal and carry up; what is returned goes into the message. Raises ``ApiError``."""
    key, id = os.urandom(32), uuid4()
    chunks = list(seal_image(key, [cleaned.data]))
    digest = hashlib.sha256(b"".join(chunks)).digest()
    attachment = Attachment(id=id, sha256=digest, size=sum(map(len, chunks)))
    api.post(
        "attachments",
        {"id": str(id), "conversation": str(conversation), "size": attachment.size, "sha256": encode(digest)},
    )
    for number, chunk in enumerate(chunks):
        api.put_bytes(f"attachments/{id}/chunks/{number}", chunk)
    api.post(f"attachments/{id}/complete")
    body = Image(
        attachment=id,
        key=key,
        size=len(cleaned.data),
        type="image/jpeg",
        width=cleaned.width,
        height=cleaned.height,
        caption=caption,
    )
    return body, attachment


def download(api: Api, image: Image) -> bytes:
    """Fetch and open a picture; the service records the opening before the first byte. Raises ``image.unreadable``, ``ApiError``."""
    data = b"".join(open_image(image.key, api.stream(f"attachments/{image.attachment}/content")))
    if len(data) != image.size:
        raise ProtocolError("image.unreadable", "size")
    return data
