"""One request through the whole door, ``backend.asgi.application``, with bytes no honest client would send."""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

import backend.asgi


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def knock(method: str, path: str, body: bytes = b"", *, query: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """What the server answers; an exception that it lets through is raised here."""
    sent = {"host": "localhost:8000", "content-length": str(len(body))} | {name.lower(): value for name, value in (headers or {}).items()}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("10.1.2.3", 50000),
        "server": ("127.0.0.1", 8000),
    }
    return asyncio.run(_ask(scope, iter([{"type": "http.request", "body": body}])))


async def _ask(scope: dict[str, Any], events: Iterator[dict[str, Any]]) -> Answer:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        event = next(events, None)
        if event is None:
            await asyncio.sleep(3600)  # a client that stays
            raise AssertionError
        return event

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await backend.asgi.application(scope, receive, send)
    start = sent[0]
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(event.get("body", b"") for event in sent[1:]))
