"""The service's socket: events as they happen.

Invariant: an event is a hint; after every connect and every ``resync`` the truth is fetched anew.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, Final, Self
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from wardline_client.http import Api, ApiError

Json = dict[str, Any]

_LARGEST: Final = 1 << 20


class Socket:
    """``async with await Socket.open(api) as socket: async for event in socket: ...``; answers to ``do`` do not come as events."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._answers: dict[str, asyncio.Future[Json]] = {}
        self._events: asyncio.Queue[Json | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, api: Api) -> Self:
        """Connect with the session of ``api``, which is signed in."""
        parts = urlsplit(api.address)
        address = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/ws/v1/"
        headers = {"Cookie": api.cookie_header}
        # A proxy of the environment is for outgoing web traffic; the service is reached as ``api`` reaches it.
        connection = await connect(address, origin=api.origin, additional_headers=headers, max_size=_LARGEST, proxy=None)  # type: ignore[arg-type]
        return cls(connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._connection.close()
        await self._reader

    def __aiter__(self) -> AsyncIterator[Json]:
        return self.events()

    async def events(self) -> AsyncIterator[Json]:
        """Until the connection ends."""
        while (event := await self._events.get()) is not None:
            yield event

    @property
    def close_code(self) -> int | None:
        """4401: sign in again; 4408: reconnect and sync."""
        return self._connection.close_code

    async def send(self, conversation: UUID, envelope: Json) -> Json:
        """Raises ``ApiError``; ``ConnectionError`` when the connection ended before the answer."""
        return await self._do("send", conversation=str(conversation), envelope=envelope)

    async def delivered(self, conversation: UUID, sequence: int) -> Json:
        return await self._do("delivered", conversation=str(conversation), sequence=sequence)

    async def acknowledge(self, conversation: UUID, message: UUID, role: UUID | None = None) -> Json:
        said = str(role) if role else None
        return await self._do("acknowledge", conversation=str(conversation), message=str(message), role=said)

    async def _do(self, action: str, **details: object) -> Json:
        id = str(uuid4())
        answer = self._answers[id] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": id, "do": action, **details}))
        event = await answer
        if not event["ok"]:
            raise ApiError(event["status"], event["body"])
        body: Json = event["body"]
        return body

    async def _read(self) -> None:
        try:
            # Also a close that is no error to us: the code says what to do, see ``close_code``.
            with contextlib.suppress(ConnectionClosed):
                while True:
                    self._take(json.loads(await self._connection.recv()))
        finally:
            for waiting in self._answers.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionError("the socket closed"))
            self._events.put_nowait(None)

    def _take(self, event: Json) -> None:
        waiting = self._answers.pop(event.get("id", ""), None) if event["t"] == "answer" else None
        if waiting is None:
            self._events.put_nowait(event)
        elif not waiting.done():
            waiting.set_result(event)
