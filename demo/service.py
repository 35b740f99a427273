"""The whole service on one machine: PostgreSQL, Redis, server, worker and beat, as ``make run`` starts them.

Invariant: what was started here, and nothing else, is stopped again, in the opposite order; one service per checkout.
"""

import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import httpx

from backend import embedded
from demo import witness
from demo.steps import Stop, step

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("WARDLINE_STATE", ROOT / ".wardline"))
GRACE_SECONDS = 10


class Service:
    """A running service; leaving the ``with`` block stops it.

    Args:
        port: on loopback.
    Raises:
        Stop: the port is taken, this checkout's service runs already, or a part did not come up.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = address_of(port)
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self._lock: IO[str] | None = None
        self._is_database_ours = "DATABASE_URL" not in os.environ or "REDIS_URL" not in os.environ

    def __enter__(self) -> "Service":
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def _start(self) -> None:
        refuse_taken_port(self.port)
        self._lock = _lock_checkout()
        with step("PostgreSQL and Redis"):
            embedded.start(STATE)
        os.environ.update(environment(self.port))
        witness.ask_nobody(STATE)
        self._migrate()
        if not (STATE / "vapid.pem").exists():
            manage("push_key", "--create")
        with step("Server, worker and clock"):
            self._spawn("server", "backend.serve")
            self._spawn("worker", *CELERY, "worker", "--pool", "threads", "--concurrency", "4", "--loglevel", "WARNING")
            self._spawn("beat", *CELERY, "beat", "--schedule", str(STATE / "beat"), "--loglevel", "WARNING")
            self._wait_until_ready()
        (STATE / "service.json").write_text(json.dumps({"address": self.address, "pid": os.getpid()}))

    def _migrate(self) -> None:
        """Only what is new: Django needs seconds to find that there is nothing to do."""
        files = [*sorted(ROOT.glob("*/migrations/*.py")), ROOT / "backend" / "roles.py"]
        wanted = hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()
        stamp = STATE / "migrated"
        if not (self._is_database_ours and stamp.exists() and stamp.read_text() == wanted):
            with step("Database schema"):
                manage("migrate", "--verbosity", "0")
            stamp.write_text(wanted)

    def start_witness(self) -> None:
        """Once every hospital has its log."""
        with step("Witness of the partner hospital"):
            words, policy = witness.configure(STATE, self.address)
            self._spawn("witness", *words)
            draft = witness.policy_file(STATE).with_suffix(".new")
            draft.write_text(policy)
            draft.replace(witness.policy_file(STATE))

    def _spawn(self, name: str, *words: str) -> None:
        folder = STATE / "logs"
        folder.mkdir(exist_ok=True)
        with (folder / f"{name}.log").open("ab") as log:
            # Sessions of their own: Ctrl-C reaches the launcher alone, which stops the parts in order.
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            self.parts[name] = subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT, start_new_session=True, **streams)  # noqa: S603

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.refuse_dead_part()
            try:
                if httpx.get(f"{self.address}/readyz", timeout=5, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise Stop(f"The server does not answer on {self.address}; see {STATE / 'logs' / 'server.log'}.")

    def refuse_dead_part(self) -> None:
        """Raise ``Stop`` when a part has ended by itself."""
        for name, part in self.parts.items():
            if part.poll() is not None:
                log = STATE / "logs" / f"{name}.log"
                lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
                raise Stop(f"The {name} has ended: {lines[-1] if lines else 'it left no word'} (all of it: {log})")

    def _stop(self) -> None:
        for part in reversed(self.parts.values()):
            part.send_signal(signal.SIGTERM)
        for part in reversed(self.parts.values()):
            try:
                part.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                part.kill()
                part.wait()
        if self._lock:
            (STATE / "service.json").unlink(missing_ok=True)
            if self._is_database_ours:
                embedded.stop(STATE)
            self._lock.close()


CELERY = ("celery", "--quiet", "-A", "backend.celery")


def address_of(port: int) -> str:
    # Not 127.0.0.1: passkeys work on http for the name localhost alone.
    return f"http://localhost:{port}"


def environment(port: int) -> dict[str, str]:
    """What the demo's processes read; nothing of it is fit for production, and production refuses it."""
    return {
        "DJANGO_SETTINGS_MODULE": "backend.settings",
        "WARDLINE_MODE": "demo",
        "WARDLINE_STATE": str(STATE),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PUBLIC_URL": address_of(port),
        "SECRET_KEY": embedded.secret(STATE, "secret.key"),
        "AUDIT_POLICY_FILE": str(witness.policy_file(STATE)),
    }


def manage(*words: str) -> str:
    """Run ``manage.py``; what it printed."""
    done = subprocess.run([sys.executable, ROOT / "manage.py", *words], check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise Stop(f"manage.py {words[0]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return done.stdout


def refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Stop(f"Port {port} is taken by another program: choose another one, e.g. make run PORT={port + 1}") from None


def _lock_checkout() -> IO[str]:
    STATE.mkdir(mode=0o711, parents=True, exist_ok=True)
    lock = (STATE / "service.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise Stop(f"Wardline runs already from {ROOT}; stop that one first (Ctrl-C in its terminal).") from None
    return lock


def running_address() -> str | None:
    """Where this checkout's service runs, if it does."""
    try:
        lock = _lock_checkout()
    except Stop:
        note = STATE / "service.json"
        return str(json.loads(note.read_text())["address"]) if note.exists() else None
    lock.close()
    return None


@contextmanager
def running_or_own(port: int) -> Iterator[tuple[str, Service | None]]:
    """The address of the service that runs from this checkout, or of one started now and stopped in the end, with that one."""
    if address := running_address():
        yield address, None
        return
    with Service(port) as service:
        yield service.address, service
