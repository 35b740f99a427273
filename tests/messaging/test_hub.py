"""Who is too slow for the hub: a reader that does not read, and nobody else (``test_socket`` has it with a real server)."""

import asyncio
import json
from typing import Any
from uuid import uuid4

from backend.realtime import RING, encode_frame
from messaging.hub import QUEUED_BYTES, TOO_SLOW, Hub, Socket

TEXT = json.dumps({"t": "message", "body": "x" * 80_000})
MANY = 2 * QUEUED_BYTES // len(TEXT)


def given_in_one_piece(*, is_read: bool) -> tuple[int, int | None]:
    """How many of ``MANY`` events in one publication a socket was sent, and with what code it was closed."""

    async def run() -> tuple[int, int | None]:
        sent: list[str] = []
        gate = asyncio.Event()

        async def send(message: dict[str, Any]) -> None:
            if not is_read:
                await gate.wait()
            sent.append(message["text"])

        person, hub = uuid4(), Hub()
        socket = Socket(send, person=str(person), sign_in="s", hospital="h")
        hub.add(socket)
        await hub.dispatch(encode_frame(RING, [person], TEXT) * MANY)
        hub.remove(socket)
        return len(sent), socket.close_code

    return asyncio.run(run())


def test_many_events_at_once_close_no_socket_that_is_read() -> None:
    assert given_in_one_piece(is_read=True) == (MANY, None)


def test_one_that_is_not_read_is_closed() -> None:
    assert given_in_one_piece(is_read=False) == (0, TOO_SLOW)
