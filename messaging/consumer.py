"""The WebSocket ``/ws/v1/``: events out, commands in; a thin transport over the services' commands.

Invariant: a socket belongs to one sign-in and closes at once when that ends; a command is checked by its own
statement, whatever was true when the socket opened; a frame that makes no sense is answered with an error and
closes nothing. Encoded once: an event's text is made by who announces it and only copied here.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from audit.events import Event
from audit.services import record_refused
from backend.flooding import count_to_record
from backend.realtime import encode_event
from identity.actors import Actor, aactor_of_session, resolve
from identity.authentication import record_come_back
from messaging.hub import ENDED, Hub, Socket
from messaging.requests import Answer, Requests

MAX_FRAME: Final = 256 * 1024  # characters: an envelope of the largest header and ciphertext fits
IN_FLIGHT: Final = 32  # commands of one socket at a time; further ones wait in the network
PONG: Final = '{"t":"pong"}'

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class SocketApp:
    """The ASGI application for ``websocket`` scopes. ``start`` and ``stop`` with the process."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.requests = Requests()

    def start(self) -> None:
        self.hub.start()
        self.requests.start()

    async def stop(self) -> None:
        await self.hub.stop()
        await self.requests.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        # A page of another origin may open a socket with the visitor's cookie (cross-site WebSocket hijacking):
        # the browser tells the origin truthfully, so it decides.
        if _header(scope, b"origin") not in settings.CSRF_TRUSTED_ORIGINS:
            await sync_to_async(note_refusal, thread_sensitive=False)(_session_key(scope), "socket.other_origin")
            await send({"type": "websocket.close", "code": 4403})
            return
        actor = await aactor_of_session(_session_key(scope))
        if actor is None:
            await sync_to_async(note_refusal, thread_sensitive=False)(_session_key(scope), "not_authenticated")
        await send({"type": "websocket.accept"})
        if actor is None:
            # Accepted first: a browser shows the code of a socket it had, and only "failed" of one it never got.
            await send({"type": "websocket.close", "code": ENDED})
            return
        await self._serve(actor, receive, send, _session_key(scope))

    async def _serve(self, actor: Actor, receive: Receive, send: Send, session_key: str | None) -> None:
        socket = Socket(send, person=str(actor.person_id), sign_in=str(actor.sign_in_id), hospital=str(actor.hospital_id))
        self.hub.add(socket)
        try:
            # Again, now that a ring would be heard: a revocation between the look and the listening closes too.
            if await aactor_of_session(session_key) is None:
                socket.close(ENDED)
            else:
                socket.put(encode_event({"t": "hello", "server_time": timezone.now()}))
            await self._until_over(actor, socket, receive)
        finally:
            self.hub.remove(socket)
            await socket.finish()

    async def _until_over(self, actor: Actor, socket: Socket, receive: Receive) -> None:
        reading = asyncio.create_task(self._read(actor, socket, receive))
        closing = asyncio.create_task(socket.closed.wait())
        expires = max(0.0, (actor.expires_at - timezone.now()).total_seconds())
        try:
            done, _ = await asyncio.wait({reading, closing}, timeout=expires, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                socket.close(ENDED)
        finally:
            reading.cancel()
            closing.cancel()
            await asyncio.gather(reading, closing, return_exceptions=True)

    async def _read(self, actor: Actor, socket: Socket, receive: Receive) -> None:
        free = asyncio.Semaphore(IN_FLIGHT)
        running: set[asyncio.Task[None]] = set()
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            frame = _frame(event)
            if isinstance(frame, Answer):
                socket.put(frame.text())
            elif frame.get("do") == "ping":
                socket.put(PONG)
            elif frame.get("do") == "watch":
                self.hub.watch(socket, is_on=frame.get("board") is True)
            else:
                await free.acquire()
                task = asyncio.create_task(self._answer(actor, socket, frame, free))
                # A command under way when the socket goes is finished, and found again by its id.
                running.add(task)
                task.add_done_callback(running.discard)

    async def _answer(self, actor: Actor, socket: Socket, frame: dict[str, Any], free: asyncio.Semaphore) -> None:
        try:
            answer = await self.requests.handle(actor, frame)
            socket.put(answer.text())
            if answer.status == 401:
                # The answer has the time of one turn to go out before the close.
                await asyncio.sleep(0)
                socket.close(ENDED)
        finally:
            free.release()


def note_refusal(session_key: str | None, code: str) -> None:
    """A socket that was not opened is an event like every refusal; counted, for a page can try again and again."""
    try:
        actor, lapse, former = resolve(session_key)
        if lapse is not None and former is not None:
            record_come_back(lapse, former)
        elif count := count_to_record(code, "socket", actor and actor.sign_in_id):
            who, hospitals = (actor.agent(), [actor.hospital_id]) if actor else (None, [])
            detail: dict[str, str | int | list[str]] = {"code": code, "route": "socket", "count": count}
            record_refused(Event("api.refused", who, hospitals, outcome="refused", detail=detail))
    finally:
        close_old_connections()


def _frame(event: dict[str, Any]) -> dict[str, Any] | Answer:
    text = event.get("text")
    if text is None:
        return Answer.refused(None, 400, "frame.not_text", "Frames are JSON text.")
    if len(text) > MAX_FRAME:
        return Answer.refused(None, 413, "frame.too_large", "A frame has at most 256 KiB.")
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return Answer.refused(None, 400, "frame.malformed", "Frames are JSON text.")
    if not isinstance(frame, dict):
        return Answer.refused(None, 400, "frame.malformed", "A frame is a JSON object.")
    return frame


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def _session_key(scope: Scope) -> str | None:
    try:
        cookie = SimpleCookie(_header(scope, b"cookie") or "").get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    return cookie.value if cookie else None
