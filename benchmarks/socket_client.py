"""The smallest WebSocket client that can load a server: it shares the machine with what it measures, so every instruction counts.

Invariant: it takes text frames of any length from a server that does not fragment, and gives each to ``received``;
anything else ends the run.
"""

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable
from struct import pack, unpack_from


def text_frame(text: bytes) -> bytes:
    """A finished client frame, masked (RFC 6455, 5.3) with zeros: the server unmasks it all the same."""
    if len(text) < 126:
        head = bytes([0x81, 0x80 | len(text)])
    elif len(text) < 65_536:
        head = b"\x81\xfe" + pack("!H", len(text))
    else:
        head = b"\x81\xff" + pack("!Q", len(text))
    return head + b"\0\0\0\0" + text


class SocketClient(asyncio.Protocol):
    def __init__(self, port: int, cookie: str, origin: str, received: Callable[[bytes], None]) -> None:
        self.request = (
            f"GET /ws/v1/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"Cookie: {cookie}\r\nOrigin: {origin}\r\n\r\n"
        )
        self.received = received
        self.buffer = bytearray()
        self.is_open = False
        self.transport: asyncio.Transport

    @classmethod
    async def open(cls, port: int, cookie: str, origin: str, received: Callable[[bytes], None]) -> "SocketClient":
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(port, cookie, origin, received), "127.0.0.1", port)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.request.encode())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.is_open:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self.buffer.startswith(b"HTTP/1.1 101"), bytes(self.buffer[:100])
            del self.buffer[: end + 4]
            self.is_open = True
        self._frames()

    def _frames(self) -> None:
        buffer, at = self.buffer, 0
        while len(buffer) - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                if len(buffer) - at < 4:
                    break
                (length,) = unpack_from("!H", buffer, at + 2)
                start = at + 4
            elif length == 127:
                if len(buffer) - at < 10:
                    break
                (length,) = unpack_from("!Q", buffer, at + 2)
                start = at + 10
            if len(buffer) < start + length:
                break
            opcode = buffer[at] & 0x0F
            content = bytes(buffer[start : start + length])
            at = start + length
            if opcode == 0x9:
                self.transport.write(bytes([0x8A, 0x80 | len(content)]) + b"\0\0\0\0" + content)
                continue
            assert opcode == 0x1, f"opcode {opcode}: {content!r}"
            self.received(content)
        del buffer[:at]
