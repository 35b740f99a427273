"""The process's open sockets, and the one Redis subscription that rings them.

Invariant: an event reaches every open socket of the people it is for, or that socket is told to resync. Pub/sub
drops silently, so after any break of the subscription all sockets resync; a socket whose reader is too slow is
closed and syncs when it comes back. Memory per socket is bounded. That a sign-in has ended is rung too, but never left
to the ring: each open socket's sign-in is looked up again every few seconds, so a revocation that Redis lost closes
late and not never.
"""

import asyncio
import logging
import os
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final
from uuid import UUID

import redis.asyncio
from django.conf import settings
from django.db import DatabaseError
from redis.exceptions import RedisError

from backend.realtime import CHANNEL, CLOSE, WATCH, decode_frames
from identity.actors import astill_good

ENDED: Final = 4401
TOO_SLOW: Final = 4408
QUEUE: Final = 256  # events a socket may lag behind ...
QUEUED_BYTES: Final = 2 * 1024 * 1024  # ... and their size
CLOSE_WITHIN: Final = 2.0  # seconds a close frame may wait for a reader that does not read
SILENCE: Final = 5.0  # seconds after which the subscription is asked whether it lives
RETRY: Final = 0.2
LOOK_AGAIN: Final = 5.0  # seconds for which a socket may outlive a sign-in whose end was not heard
WATCH_REST: Final = 0.5  # seconds for which one thing that is watched is told once: a feed may report many times a second
RESYNC: Final = '{"t":"resync"}'

log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Socket:
    """One open WebSocket: a bounded queue and, while there is something in it, a task that sends."""

    __slots__ = ("_queue", "_queued", "_send", "_sender", "close_code", "closed", "hospital", "person", "sign_in")

    def __init__(self, send: Send, *, person: str, sign_in: str, hospital: str) -> None:
        self._send = send
        self._queue: deque[str] = deque()
        self._queued = 0
        self._sender: asyncio.Task[None] | None = None
        self.hospital = hospital
        self.person = person
        self.sign_in = sign_in
        self.close_code: int | None = None
        self.closed = asyncio.Event()

    def put(self, text: str) -> None:
        """Queue ``text``; a reader who lets too much queue up is closed."""
        if self.close_code is not None:
            return
        if len(self._queue) >= QUEUE or self._queued + len(text) > QUEUED_BYTES:
            self.close(TOO_SLOW)
            return
        self._queue.append(text)
        self._queued += len(text)
        if self._sender is None:
            self._sender = asyncio.create_task(self._drain())

    def close(self, code: int) -> None:
        """Close at once: what is queued is dropped."""
        if self.close_code is None:
            self.close_code = code
            self._queue.clear()
            self._queued = 0
            self.closed.set()

    async def _drain(self) -> None:
        try:
            while self._queue:
                text = self._queue.popleft()
                self._queued -= len(text)
                await self._send({"type": "websocket.send", "text": text})
        except Exception as error:  # noqa: BLE001 -- servers raise what they like when the client is gone
            log.debug("a socket went away: %s", type(error).__name__)
            self.close(1006)
        finally:
            self._sender = None

    async def finish(self) -> None:
        """Stop sending and, if it was this side that closed, say why."""
        if self._sender is not None:
            self._sender.cancel()
        if self.close_code in (ENDED, TOO_SLOW):
            try:
                await asyncio.wait_for(self._send({"type": "websocket.close", "code": self.close_code}), CLOSE_WITHIN)
            except Exception as error:  # noqa: BLE001 -- the reader that was too slow may not take the close either
                log.debug("no close frame: %s", type(error).__name__)


class Hub:
    """Who listens, by person and by sign-in; who watches, by hospital."""

    def __init__(self) -> None:
        self._watching: dict[str, set[Socket]] = defaultdict(set)
        self._resting: dict[str, set[str]] = {}  # what was told just now, and whom it is to be told again
        self._by_person: dict[str, set[Socket]] = defaultdict(set)
        self._by_sign_in: dict[str, set[Socket]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look_again())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def add(self, socket: Socket) -> None:
        self._by_person[socket.person].add(socket)
        self._by_sign_in[socket.sign_in].add(socket)

    def remove(self, socket: Socket) -> None:
        places = ((self._by_person, socket.person), (self._by_sign_in, socket.sign_in), (self._watching, socket.hospital))
        for sockets, name in places:
            sockets[name].discard(socket)
            if not sockets[name]:
                del sockets[name]

    def watch(self, socket: Socket, *, is_on: bool) -> None:
        """Whether the socket is told of changes on its hospital's board: only while somebody looks at it."""
        if is_on:
            self._watching[socket.hospital].add(socket)
        elif socket.hospital in self._watching:
            self._watching[socket.hospital].discard(socket)

    async def dispatch(self, publication: str) -> None:
        """Hand each event of ``publication`` to whom it is for. The sockets send in between: many at once make nobody slow."""
        for kind, targets, text in decode_frames(publication):
            if kind == CLOSE:
                self._close(targets)
            elif kind == WATCH:
                self._tell_watching(targets, text)
            else:
                for name in targets:
                    for socket in self._by_person.get(name, ()):
                        socket.put(text)
            await asyncio.sleep(0)

    def _tell_watching(self, hospitals: Iterable[str], text: str) -> None:
        """The first at once; what follows within ``WATCH_REST`` once, at its end. So the last change is always told."""
        if text in self._resting:
            self._resting[text].update(hospitals)
            return
        self._resting[text] = set()
        asyncio.get_running_loop().call_later(WATCH_REST, self._rested, text)
        for name in hospitals:
            for socket in self._watching.get(name, ()):
                socket.put(text)

    def _rested(self, text: str) -> None:
        if again := self._resting.pop(text):
            self._tell_watching(again, text)

    def resync(self) -> None:
        for sockets in self._by_person.values():
            for socket in sockets:
                socket.put(RESYNC)

    def _close(self, sign_ins: Iterable[str]) -> None:
        for socket in [s for name in sign_ins for s in self._by_sign_in.get(name, ())]:
            socket.close(ENDED)

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            known = list(self._by_sign_in)
            if not known:
                continue
            try:
                good = await astill_good(map(UUID, known))
            except DatabaseError as error:
                log.warning("the open sockets were not looked at: %s", type(error).__name__)
                continue
            self._close(name for name in known if UUID(name) not in good)

    async def _listen(self) -> None:
        while True:
            try:
                await self._subscribed()
            except Exception as error:
                log.warning("the subscription broke: %s", type(error).__name__, exc_info=not isinstance(error, RedisError | OSError))
            await asyncio.sleep(RETRY)

    async def _subscribed(self) -> None:
        # By its name an operator finds the process in CLIENT LIST.
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, decode_responses=True, client_name=f"wardline-hub-{os.getpid()}")
        async with client, client.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            is_asked = False
            while True:
                message = await subscription.get_message(timeout=SILENCE)
                if message is None:
                    # A connection that died without a word answers no ping.
                    if is_asked:
                        raise ConnectionError("no answer")
                    await subscription.ping()
                is_asked = message is None
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    # Now, not when it broke: whatever was published in between is behind us.
                    self.resync()
                elif message["type"] == "message":
                    await self.dispatch(message["data"])
