"""The witness's HTTP: ``POST /add-checkpoint`` and ``GET /healthz``.

Invariant: it reads no more than a request may have, waits no longer than ``TIMEOUT_SECONDS``, answers no more than ``MOST_AT_ONCE`` at a
time, and writes nothing down. TLS is a proxy's.
"""

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any

from wardline_witness.witness import MOST_BYTES, Answer, Witness

TIMEOUT_SECONDS = 10
MOST_AT_ONCE = 32


class Server(ThreadingHTTPServer):
    """One thread a connection; a connection too many is closed."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.witness = witness
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """A client that went away is no news; anything else was answered with 500."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "wardline-witness", ""
    timeout = TIMEOUT_SECONDS
    server: Server

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._say(Answer(HTTPStatus.OK, "alive\n"))
        else:
            self._say(Answer(HTTPStatus.NOT_FOUND, "nothing here\n"))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # what follows is not read
            self._say(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has a length, of at most {MOST_BYTES} bytes\n"))
            return
        body = self.rfile.read(int(length))
        if self.path.rpartition("/")[2] != "add-checkpoint":
            self._say(Answer(HTTPStatus.NOT_FOUND, "nothing here\n"))
            return
        try:
            answer = self.server.witness.add_checkpoint(body)
        except OSError:  # nothing was cosigned: the head is not on the disk
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "the witness cannot write its state\n")
        self._say(answer)

    def _say(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: who asks, and when, is nobody's business."""
