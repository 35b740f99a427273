"""The deployment in a private folder: PostgreSQL, Redis, two servers, worker and clock, each a process that can be killed.

Invariant: nobody repairs anything here. What was killed is started again as it was, after a pause, as ``restart: unless-stopped`` does in
``docker-compose.yml``; the rest has to find its way back by itself.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from backend import embedded

ROOT = Path(__file__).resolve().parents[2]
CELERY = ("celery", "--quiet", "-A", "backend.celery")
SERVERS = ("server-1", "server-2")
PAUSE = 1.0  # seconds until what died is started again
# What tests/environment.py set for the other suites.
FOREIGN = frozenset({"DATABASE_URL", "MIGRATE_DATABASE_URL", "REDIS_URL", "WARDLINE_STATE"})


class Part(Protocol):
    def start(self) -> None: ...
    def pid(self) -> int | None:
        """While it runs."""


@dataclass
class Program(Part):
    """One of ours: ``python -m ...``."""

    words: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            command = [sys.executable, "-m", *self.words]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, start_new_session=True, **streams)

    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.poll() is None else None


@dataclass
class Store(Part):
    """PostgreSQL or Redis, started as ``make run`` starts it."""

    launch: Callable[[], object]
    folder: Path
    pid_file: Path

    def start(self) -> None:
        self.launch()

    def pid(self) -> int | None:
        return embedded.pid_of(self.pid_file, self.folder)


class Stack:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: dict[str, Part] = {
            "postgres": Store(self._start_postgres, folder, folder / "postgres" / "postmaster.pid"),
            "redis": Store(lambda: embedded.start_redis(folder), folder, folder / "redis.pid"),
        }
        self.starts: dict[str, int] = {}
        self._down: set[str] = set()
        self._is_over = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator["Stack"]:
        stack = cls(folder)
        try:
            stack._start()
            yield stack
        finally:
            stack._stop()

    def _start(self) -> None:
        """``database_url`` is the owner's: the tests look at everything; what is tested is the service's own role."""
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.database_url, self.redis_url = self._start_postgres(), embedded.start_redis(self.folder)
        environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        environment |= {"WARDLINE_STATE": str(self.folder), "REDIS_URL": self.redis_url}
        environment |= {"DATABASE_URL": embedded.address_of_app(self.database_url)}
        owner = environment | {"MIGRATE_DATABASE_URL": self.database_url}
        for words in (["migrate", "--verbosity", "0"], ["push_key", "--create"]):
            subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, env=owner, check=True, stdout=subprocess.DEVNULL)
        self.ports = {name: free_port() for name in SERVERS}
        for name, port in self.ports.items():
            self._add(name, environment | {"PORT": str(port)}, "backend.serve")
        self._add("worker", environment, *CELERY, "worker", "--pool", "threads", "--concurrency", "4", "--loglevel", "WARNING")
        self._add("beat", environment, *CELERY, "beat", "--schedule", str(self.folder / "beat"), "--loglevel", "WARNING")
        self._supervisor.start()
        self.wait_until_ready()

    def _start_postgres(self) -> str:
        # A process dies here, never the machine: what was written stays, flushed or not. A commit still waits for its write.
        return embedded.start_postgres(self.folder, {"fsync": "off"})

    def _add(self, name: str, environment: dict[str, str], *words: str) -> None:
        self.parts[name] = Program(words, environment, self.folder / f"{name}.log")

    def _stop(self) -> None:
        self._is_over.set()
        if self._supervisor.ident:
            self._supervisor.join(90)
        for part in reversed(self.parts.values()):
            if isinstance(part, Program) and part.process:
                part.process.kill()
                part.process.wait(20)
        embedded.stop(self.folder)

    def _supervise(self) -> None:
        while not self._is_over.wait(0.1):
            for name, part in self.parts.items():
                if name not in self._down and part.pid() is None:
                    if self.starts.get(name):
                        time.sleep(PAUSE)
                    self.starts[name] = self.starts.get(name, 0) + 1
                    part.start()

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> None:
        """No chance to say goodbye; it comes back after ``PAUSE``."""
        pid = self.parts[name].pid()
        assert pid is not None, f"{name} does not run"
        os.kill(pid, sign)

    @contextmanager
    def outage(self, name: str) -> Iterator[None]:
        """Killed, and down until the block ends."""
        self._down.add(name)
        try:
            self.kill(name)
            wait_until(lambda: self.parts[name].pid() is None, seconds=20, what=f"{name} ends")
            yield
        finally:
            self._down.discard(name)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Neither answers nor goes away: a machine that hangs."""
        self.kill(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self.kill(name, signal.SIGCONT)

    def wait_until_ready(self, seconds: float = 60) -> None:
        wait_until(lambda: all(map(is_ready, self.addresses())), seconds=seconds, what="every server is ready")

    def addresses(self) -> list[str]:
        return [f"http://localhost:{port}" for port in self.ports.values()]

    def log_of(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")


def is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> float:
    """Seconds it took. Fails when it does not come."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if condition():
            return time.monotonic() - started
        time.sleep(0.1)
    raise AssertionError(f"after {seconds} s it is not so that {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
