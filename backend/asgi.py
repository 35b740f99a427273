"""The server's door: HTTP to Django, ``/ws/v1/`` to the socket, the process's start and stop.

Invariant: no request body is taken that is larger than anything the API accepts: Django would write it to disk before
a view could refuse it. Nor is a method that nobody serves (it is a stranger's text, and would stand in logs and metrics), an encoding
other than UTF-8 (Python's include some that fail in the framework, before anything could answer), or a form: what another site's page can
post without asking, and what the framework would read before us. Two addresses take a form, and nothing else, because a standard says so:
a logout token of a hospital's sign-in service, and the assertion of a hospital's software; both are signed and go by no cookie.
"""

import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from integration.outcomes import outcome  # noqa: E402 -- as the next
from messaging.consumer import SocketApp  # noqa: E402 -- needs the applications loaded

MAX_BODY: Final = 4 * 1024 * 1024
SOCKET_PATH: Final = "/ws/v1/"
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
KINDS: Final = frozenset({b"application/json", b"application/octet-stream"})
FORM: Final = frozenset({b"application/x-www-form-urlencoded"})
FORM_PATHS: Final = frozenset({"/api/v1/sso/logout", "/fhir/token"})
FHIR: Final = "/fhir/"
FHIR_KINDS: Final = frozenset({b"application/fhir+json", b"application/json"})
CHARSET: Final = re.compile(rb"charset\*?\s*=\s*\"?([^\";]*)", re.IGNORECASE)
TOO_LARGE: Final = (413, b'{"code":"too_large","detail":"The body is larger than this endpoint takes."}')
NO_METHOD: Final = (405, b'{"code":"method_not_allowed","detail":"There is no such method here."}')
NOT_TAKEN: Final = (415, b'{"code":"unsupported_media_type","detail":"Bodies are JSON in UTF-8, or plain bytes."}')

FHIR_NOT_TAKEN: Final = (415, b'{"code":"unsupported_media_type","detail":"Bodies are application/fhir+json in UTF-8."}')

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
    refuse = partial(_refuse, send, is_fhir=_is_fhir(scope["path"]))
    if refusal := _refusal(scope):
        await refuse(*refusal)
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
            await refuse(*TOO_LARGE)
        return {"type": "http.disconnect"} if is_refused else event

    async def unless_refused(event: Mapping[str, Any]) -> None:
        if not is_refused:
            await send(dict(event))

    await django_application(scope, counted, unless_refused)


def _refusal(scope: Scope) -> tuple[int, bytes] | None:
    """By its first lines alone."""
    if scope["method"] not in METHODS:
        return NO_METHOD
    announced = _values(scope, b"content-length")
    # By digits first: a number of thousands of them is no number to Python.
    if any(not value.isdigit() or len(value) > 10 or int(value) > MAX_BODY for value in announced):
        return TOO_LARGE
    kinds = _values(scope, b"content-type")
    taken, refusal = _taken_at(scope["path"])
    return None if all(_is_taken(kind, taken) for kind in kinds) else refusal


def _taken_at(path: str) -> tuple[frozenset[bytes], tuple[int, bytes]]:
    if path in FORM_PATHS:
        return FORM, NOT_TAKEN
    return (FHIR_KINDS, FHIR_NOT_TAKEN) if _is_fhir(path) else (KINDS, NOT_TAKEN)


def _is_fhir(path: str) -> bool:
    return path.startswith(FHIR) and path not in FORM_PATHS


def _is_taken(kind: bytes, taken: frozenset[bytes]) -> bool:
    media_type = kind.partition(b";")[0].strip().lower()
    return media_type in taken and all(charset.strip().lower() in (b"utf-8", b"utf8") for charset in CHARSET.findall(kind))


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for header, value in scope["headers"] if header == name]


async def _refuse(send: Send, status: int, body: bytes, *, is_fhir: bool) -> None:
    if is_fhir:
        body = json.dumps(outcome(status, json.loads(body))).encode()
    headers = [
        (b"content-type", b"application/fhir+json" if is_fhir else b"application/json"),
        (b"content-security-policy", b"default-src 'none'"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
