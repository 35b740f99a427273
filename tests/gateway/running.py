"""``wardline-gateway`` installed in a folder and run as a process of its own."""

import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.faults.stack import free_port, wait_until

# Neither the service's database nor its settings: the gateway is another machine.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
COMMAND = [sys.executable, "-m", "wardline_gateway.cli"]


class Installed:
    def __init__(self, folder: Path, service: str, origin: str, target: str | None = None, *more: str) -> None:
        self.folder, self.record = folder, folder / "record"
        self.record.mkdir()
        self.port = free_port()
        self.config = folder / "gateway.toml"
        lines = [
            f'service = "{service}"',
            f'origin = "{origin}"',
            f'health = "127.0.0.1:{self.port}"',
            'language = "de"',
            "poll_seconds = 0.3",
            *more,
            target or '[folder]\npath = "record"',
        ]
        self.config.write_text("\n".join(lines))
        self.process: subprocess.Popen[str] | None = None

    def enrol(self, link: str) -> None:
        done = subprocess.run(
            [*COMMAND, "enrol", self.config], input=link + "\n", env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        with self.folder.joinpath("log").open("a") as log:
            self.process = subprocess.Popen([*COMMAND, "run", self.config], env=ENVIRONMENT, stdout=log, stderr=log, text=True)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill()

    def health(self) -> tuple[int, dict]:
        answer = httpx.get(f"http://127.0.0.1:{self.port}/healthz", trust_env=False)
        return answer.status_code, answer.json()

    def is_said(self, name: str, value: object) -> bool:
        """Whether health shows this now; ``False`` while nobody answers."""
        try:
            return self.health()[1][name] == value
        except httpx.TransportError:
            return False

    def log(self) -> str:
        return self.folder.joinpath("log").read_text()

    def filed(self) -> list[Path]:
        """What whoever watches the folder sees, oldest version first."""
        return sorted(path for path in self.record.iterdir() if not path.name.startswith("."))

    def wait_for(self, count: int, seconds: float = 60) -> list[Path]:
        def is_there() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            return len(self.filed()) >= count

        wait_until(is_there, seconds=seconds, what=f"{count} versions are filed")
        return self.filed()

    def wait_until_idle(self, rounds: int = 2) -> None:
        """Until it has looked again, ``rounds`` times, and nothing waits."""
        deadline, seen = time.monotonic() + 60, set()
        while time.monotonic() < deadline:
            try:
                _, found = self.health()
            except httpx.TransportError:
                found = {}
            if found.get("last_sync_at") and not found["waiting"]:
                seen.add(found["last_sync_at"])
                if len(seen) > rounds:
                    return
            time.sleep(0.2)
        raise AssertionError(self.log())


class Relay:
    """A port that passes everything on to the service, while it does."""

    def __init__(self, port: int) -> None:
        self.behind, self.port = port, free_port()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def passing(self) -> Iterator[None]:
        behind = self.behind

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", behind)) as onward:
                    back = threading.Thread(target=_carry, args=(onward, self.request), daemon=True)
                    back.start()
                    _carry(self.request, onward)
                    back.join(10)

        with socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield
            server.shutdown()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def resource(folder: Path, name: str) -> dict:
    return json.loads((folder / f"{name}.json").read_text())
