"""The server's door: HTTP to Django, ``/ws/v1/`` to the socket, the process's start and stop.

Invariant: no request body is taken that is larger than anything the API accepts: Django would write it to disk before
a view could refuse it.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from messaging.consumer import SocketApp  # noqa: E402 -- needs the applications loaded

MAX_BODY: Final = 4 * 1024 * 1024
SOCKET_PATH: Final = "/ws/v1/"
TOO_LARGE: Final = b'{"code":"too_large","detail":"The body is larger than this endpoint takes."}'

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

sockets = SocketApp()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    match scope["type"]:
        case "http":
            await _http(scope, receive, send)
        case "websocket" if scope["path"] == SOCKET_PATH:
            await sockets(scope, receive, send)
        case "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4404})
        case "lifespan":
            await _lifespan(receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        match (await receive())["type"]:
            case "lifespan.startup":
                sockets.start()
                await send({"type": "lifespan.startup.complete"})
            case "lifespan.shutdown":
                await sockets.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _http(scope: Scope, receive: Receive, send: Send) -> None:
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not announced.isdigit() or int(announced) > MAX_BODY:
        await _refuse(send)
        return
    taken = 0
    is_refused = False

    async def counted() -> dict[str, Any]:
        nonlocal taken, is_refused
        event = await receive()
        taken += len(event.get("body", b""))
        if taken > MAX_BODY and not is_refused:
            # A body without an announced length: Django is told that the client left, the client why.
            is_refused = True
            await _refuse(send)
        return {"type": "http.disconnect"} if is_refused else event

    async def unless_refused(event: Mapping[str, Any]) -> None:
        if not is_refused:
            await send(dict(event))

    await django_application(scope, counted, unless_refused)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": TOO_LARGE})
