"""How the gateway is, for the hospital's monitoring: one JSON over HTTP on this machine alone.

Invariant: times, numbers and stable codes; no case, no name, no content.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass
class Health:
    """``waiting`` are closed cases that are not filed as they are now, ``behind_since`` when the oldest of them ended."""

    now: Callable[[], datetime]
    late_after: timedelta
    started_at: datetime
    last_sync_at: datetime | None = None
    last_filed_at: datetime | None = None
    filed: int = 0
    unverified: int = 0
    waiting: int = 0
    behind_since: datetime | None = None
    failing: str | None = None
    errors: Counter[str] = field(default_factory=Counter)
    witness: str = "off"

    def failed(self, code: str) -> None:
        self.failing = code
        self.errors[code] += 1

    @property
    def is_well(self) -> bool:
        """Whether it has synchronised lately, and everything that waits could be filed."""
        return self.failing is None and self.now() - (self.last_sync_at or self.started_at) <= self.late_after

    def members(self) -> Json:
        behind = (self.now() - self.behind_since).total_seconds() if self.behind_since else 0
        return {
            "status": "ok" if self.is_well else "failing",
            "started_at": _text(self.started_at),
            "last_sync_at": _text(self.last_sync_at),
            "last_filed_at": _text(self.last_filed_at),
            "filed": self.filed,
            "unverified_or_unreadable": self.unverified,
            "waiting": self.waiting,
            "behind_seconds": max(0, round(behind)),
            "failing": self.failing,
            "errors": dict(self.errors),
            "witness": self.witness,
        }


class HealthServer(ThreadingHTTPServer):
    """``GET /healthz``: 200 or 503."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], health: Health) -> None:
        self.health = health
        super().__init__(address, _Handler)

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "wardline-gateway", ""
    timeout = 10
    server: HealthServer

    def do_GET(self) -> None:
        health = self.server.health
        is_known = self.path == "/healthz"
        status = HTTPStatus.NOT_FOUND if not is_known else HTTPStatus.OK if health.is_well else HTTPStatus.SERVICE_UNAVAILABLE
        body = json.dumps(health.members() if is_known else {}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: it is asked every few seconds."""


def _text(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
