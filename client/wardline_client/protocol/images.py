"""Files in sealed chunks, the STREAM construction (section 8).

Invariant: a file opens whole and in order or not at all: the counter and the last-chunk flag are in every nonce. Chunk by chunk, so
a photograph is never in memory twice.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardline_client.protocol.errors import ProtocolError

CHUNK: Final = 1 << 20
TAG: Final = 16


def sealed_size(size: int, chunk: int = CHUNK) -> int:
    """Size of the ciphertext in bytes of a file of ``size`` bytes."""
    return size + TAG * max(1, -(-size // chunk))


def seal_image(key: bytes, parts: Iterable[bytes], chunk: int = CHUNK) -> Iterator[bytes]:
    """Seal a file given in parts of any length; yields sealed chunks. ``key`` must be fresh for every file."""
    aead = AESGCM(key)
    for counter, last, plaintext in _chunks(parts, chunk):
        yield aead.encrypt(_nonce(counter, last), plaintext, None)


def open_image(key: bytes, parts: Iterable[bytes], chunk: int = CHUNK) -> Iterator[bytes]:
    """Open a file given in parts of any length; yields plaintext chunks.

    What was yielded before an error must be thrown away: only the end proves the file complete.

    Raises:
        ProtocolError: ``image.unreadable``.
    """
    aead = AESGCM(key)
    for counter, last, sealed in _chunks(parts, chunk + TAG):
        try:
            plaintext = aead.decrypt(_nonce(counter, last), sealed, None)
        except (InvalidTag, ValueError):
            raise ProtocolError("image.unreadable", f"chunk {counter}") from None
        if counter and not plaintext:
            raise ProtocolError("image.unreadable", "empty chunk")
        yield plaintext


def _nonce(counter: int, last: bool) -> bytes:
    return counter.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _chunks(parts: Iterable[bytes], length: int) -> Iterator[tuple[int, bool, bytes]]:
    """Cut into pieces of ``length`` bytes; a piece is known to be the last only when nothing follows it."""
    buffer = bytearray()
    counter = 0
    for part in parts:
        buffer += part
        while len(buffer) > length:
            yield counter, False, bytes(buffer[:length])
            del buffer[:length]
            counter += 1
    yield counter, True, bytes(buffer)
