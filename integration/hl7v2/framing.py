"""The minimal lower layer protocol: where a message begins and ends.

Invariant: memory is bounded by ``largest`` whatever is sent: what is beyond is counted and thrown away. Bytes between messages mean
nothing; a start block within a message begins it anew, since the sender has given the half one up. No Django.
"""

from typing import Final, NamedTuple

START: Final = b"\x0b"
END: Final = b"\x1c"
_ENDING: Final = b"\x1c\x0d"
JUNK_AT_MOST: Final = 1024  # bytes between two messages
BEYOND_AT_MOST: Final = 16  # times ``largest``: who sends more is not sending messages


class Block(NamedTuple):
    content: bytes
    is_whole: bool  # False: it was larger than taken; ``content`` is its beginning


class NoMessages(Exception):
    """What comes is not this protocol: hang up."""


class Framer:
    """Bytes go in by ``feed``, messages come out by ``next_block``."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._buffer = bytearray()
        self._content: bytearray | None = None  # None: between messages
        self._size = 0
        self._junk = 0

    @property
    def is_within(self) -> bool:
        """A message has begun."""
        return self._content is not None

    def feed(self, received: bytes) -> None:
        self._buffer += received

    def next_block(self) -> Block | None:
        """``None``: more is needed. Raises: NoMessages."""
        if self._content is None and not self._begin():
            return None
        place = self._buffer.find(END)
        self._take(len(self._buffer) if place < 0 else place)
        if place < 0:
            return None
        del self._buffer[:1]
        block = Block(bytes(self._content or b""), self._size <= self._largest)
        self._content = None
        return block

    def _begin(self) -> bool:
        place = self._buffer.find(START)
        self._junk += len(self._buffer) if place < 0 else place
        if self._junk > JUNK_AT_MOST:
            raise NoMessages
        del self._buffer[: len(self._buffer) if place < 0 else place + 1]
        if place < 0:
            return False
        self._content, self._size, self._junk = bytearray(), 0, 0
        return True

    def _take(self, length: int) -> None:
        """Of the buffer into the message."""
        part = self._buffer[:length]
        del self._buffer[:length]
        if (again := part.rfind(START)) >= 0:
            self._content, self._size = bytearray(), 0
            part = part[again + 1 :]
        content = self._content
        if content is None:
            raise NoMessages
        self._size += len(part)
        content += part[: max(0, self._largest - len(content))]
        if self._size > BEYOND_AT_MOST * self._largest:
            raise NoMessages


def framed(answer: bytes) -> bytes:
    return START + answer + _ENDING
