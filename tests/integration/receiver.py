"""A hospital's pager gateway on loopback, which checks signatures with a library that nobody here wrote (Standard Webhooks)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

from standardwebhooks import Webhook as Standard

from tests.people import Someone


@dataclass
class Receiver:
    """``answers`` are given one after the other, then 204; ``taken`` is what came, as (headers in lower case, body)."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    hold: Event = field(default_factory=Event)  # set: answers at once

    def opened(self, secret: str) -> list[dict[str, Any]]:
        """What it was told. Raises ``WebhookVerificationError``: not signed with ``secret``, or too long ago."""
        return [Standard(secret).verify(body, headers) for headers, body in self.taken]

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.taken]


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            made.hold.wait(10)
            status = made.answers.pop(0) if made.answers else 204
            self.send_response(status)
            if status in (301, 307):
                self.send_header("Location", made.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/pager"
    try:
        yield made
    finally:
        made.hold.set()
        server.shutdown()
        server.server_close()


# Where nobody listens.
WEBHOOK = {"topic": "alarms", "name": "Pager", "endpoint": "http://127.0.0.1:9/"}


def webhook_of(registrar: Someone) -> UUID:
    """One of the registrar's hospital."""
    made = uuid4()
    assert registrar.put(f"webhooks/{made}", WEBHOOK).status_code == 201
    return made
