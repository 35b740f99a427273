"""A real server process for the socket tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from django.conf import settings
from django.db import connection
from websockets.sync.client import ClientConnection, connect

from tests.cast import Caller

ROOT = Path(__file__).resolve().parents[2]
UVICORN = [
    "--ws",
    "websockets-sansio",
    "--ws-max-size",
    "1048576",
    "--ws-per-message-deflate",
    "false",
    "--no-access-log",
    "--log-level",
    "warning",
]


def database_url() -> str:
    """Of the test database, which ``settings.DATABASE_URL`` does not name."""
    given: dict[str, Any] = connection.settings_dict
    account = quote(given["USER"]) + (f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else "")
    port = f"&port={given['PORT']}" if given["PORT"] else ""
    return f"postgresql://{account}@/{given['NAME']}?host={quote(given['HOST'], safe='')}{port}"


class Server:
    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.port = port
        self.process = process

    @classmethod
    @contextmanager
    def started(cls, **environment: str) -> Iterator["Server"]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        given = os.environ | {"DATABASE_URL": database_url(), "ALLOWED_HOSTS": "127.0.0.1"} | environment
        command = [sys.executable, "-m", "uvicorn", "backend.asgi:application", "--host", "127.0.0.1", "--port", str(port), *UVICORN]
        process = subprocess.Popen(command, cwd=ROOT, env=given)
        try:
            server = cls(port, process)
            server._wait()
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the server ended at once"
            try:
                urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("the server does not answer")

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    def connect(self, caller: Caller | None, origin: str | None = settings.PUBLIC_URL, **options: Any) -> ClientConnection:
        headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={caller.session_key}"} if caller else {}
        url = f"ws://127.0.0.1:{self.port}/ws/v1/"
        # A full queue would hold up the closing: what nobody reads is taken in all the same, unless a test is about just that.
        return connect(url, origin=origin, additional_headers=headers, proxy=None, compression=None, **{"max_queue": None, **options})
