"""The cast's people over real HTTP, each write repeated with its key until it is answered: what a phone does.

Invariant: what was acknowledged is what got an answer below 500. Everything else is repeated, byte for byte, at the other server.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from itertools import count
from typing import Any

import httpx

from tests.faults.stack import SERVERS

REPEAT_AFTER = 0.1
GIVE_UP_AFTER = 90.0
TIMEOUT = 15.0


@dataclass
class Ledger:
    """Every write: its key and what came of each attempt, ``None`` for a connection that broke."""

    attempts: dict[str, list[int | None]] = field(default_factory=dict)
    replayed: int = 0
    in_flight: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def note(self, key: str, status: int | None) -> None:
        with self.guard:
            self.attempts.setdefault(key, []).append(status)

    def broken(self) -> int:
        """Attempts nobody knows the outcome of."""
        return sum(status is None for tried in self.attempts.values() for status in tried)

    def failed(self) -> int:
        """Attempts the service itself said had failed."""
        return sum(status is not None and status >= 500 for tried in self.attempts.values() for status in tried)

    def slowest(self) -> int:
        return max(map(len, self.attempts.values()), default=0)


class Wire:
    """Stands in for ``django.test.Client`` in a ``Caller``."""

    def __init__(self, addresses: list[str], cookies: SimpleCookie, ledger: Ledger) -> None:
        self.cookies, self.ledger = cookies, ledger
        self._servers = [httpx.Client(base_url=address, timeout=TIMEOUT, trust_env=False) for address in addresses]
        self._turn = count()

    def begin_at(self, server: str) -> None:
        """The next attempt goes there, a repetition to the other."""
        self._turn = count(SERVERS.index(server))

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._until_answered("GET", path, headers=headers or {})

    def post(self, path: str, *, data: Any, content_type: str, headers: dict[str, str]) -> httpx.Response:
        return self._write("POST", path, data, content_type, headers)

    def put(self, path: str, *, data: Any, content_type: str, headers: dict[str, str]) -> httpx.Response:
        return self._write("PUT", path, data, content_type, headers)

    def delete(self, path: str, *, data: Any, content_type: str, headers: dict[str, str]) -> httpx.Response:
        return self._write("DELETE", path, data, content_type, headers)

    def _write(self, method: str, path: str, data: Any, content_type: str, headers: dict[str, str]) -> httpx.Response:
        key = headers["Idempotency-Key"]
        answer = self._until_answered(
            method, path, content=data, headers=headers | {"Content-Type": content_type}, heard=lambda status: self.ledger.note(key, status)
        )
        self.ledger.replayed += answer.headers.get("Idempotency-Replayed") == "true"
        return answer

    def _until_answered(
        self, method: str, path: str, *, headers: dict[str, str], heard: Callable[[int | None], None] = lambda _: None, **body: Any
    ) -> httpx.Response:
        deadline = time.monotonic() + GIVE_UP_AFTER
        while time.monotonic() < deadline:
            try:
                answer = self.once(method, path, headers=headers, **body)
            except httpx.TransportError:
                heard(None)
            else:
                heard(answer.status_code)
                if answer.status_code < 500:
                    return answer
            time.sleep(REPEAT_AFTER)
        raise AssertionError(f"{method} was not answered within {GIVE_UP_AFTER} s")

    def once(self, method: str, path: str, *, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """One attempt, at the servers in turn."""
        server = self._servers[next(self._turn) % len(self._servers)]
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        return server.request(method, path, headers=(headers or {}) | {"Cookie": cookie}, **body)

    def close(self) -> None:
        for server in self._servers:
            server.close()
