"""The service as ``make run`` starts it, in a folder of its own, and phones that use it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser

from demo.cast import BACKGROUND, ICU
from tests.e2e.browser import CHROMIUM_ARGUMENTS, Phones, system_chromium
from tests.e2e.colleagues import Colleagues

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 240
LINK = re.compile(r"(\S+)?\s*(http://localhost:\d+/#/(?:link|join)/\S+)")


@dataclass
class Running:
    """``make run``, seen from outside: what it printed, and where it keeps things."""

    process: subprocess.Popen[str]
    state: Path
    address: str
    lines: list[str] = field(default_factory=list)
    database_url: str = ""
    redis_url: str = ""

    def links(self) -> list[str]:
        return [match[2] for line in self.lines if (match := LINK.search(line))]

    def link_of(self, word: str) -> str:
        """The one-time address printed on or under the line that names ``word``."""
        for number, line in enumerate(self.lines):
            if word in line:
                for near in self.lines[number : number + 3]:
                    if match := LINK.search(near):
                        return match[2]
        raise AssertionError(f"make run printed no link for {word}:\n" + "\n".join(self.lines))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The demo, freshly seeded, on a free port. Started by the same launcher as ``make run``: what a user gets is what is tested."""
    state = tmp_path_factory.mktemp("wardline") / "state"
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    environment |= {"WARDLINE_STATE": str(state), "PORT": str(port), "PUSH_HOSTS": "localhost", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.run"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    service = Running(process, state, f"http://localhost:{port}")
    reader = threading.Thread(target=_read, args=(service,), daemon=True)
    reader.start()
    try:
        _wait_for_links(service)
        service.database_url, service.redis_url = _addresses(state, environment)
        yield service
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        reader.join(10)
        if process.stdout is not None:
            process.stdout.close()


# What tests/environment.py set for the other suites; the launcher must find a machine without them.
_OURS = frozenset(
    {
        "DATABASE_URL",
        "MIGRATE_DATABASE_URL",
        "REDIS_URL",
        "WARDLINE_STATE",
        "WARDLINE_MODE",
        "PUBLIC_URL",
        "SECRET_KEY",
        "DJANGO_SETTINGS_MODULE",
    }
)


# Asks for what runs already, in a process of its own: this one has the other suites' addresses in its environment.
_ASK = """
import os, pathlib, sys
from backend import embedded
embedded.start(pathlib.Path(sys.argv[1]))
print(os.environ["MIGRATE_DATABASE_URL"], os.environ["REDIS_URL"])
"""


def _addresses(state: Path, environment: dict[str, str]) -> tuple[str, str]:
    answer = subprocess.run([sys.executable, "-c", _ASK, state], cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    database, redis = answer.stdout.split()
    return database, redis


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read(service: Running) -> None:
    assert service.process.stdout is not None
    for line in service.process.stdout:
        service.lines.append(line.rstrip())


def _wait_for_links(service: Running) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if len(service.links()) >= 4:
            return
        if service.process.poll() is not None:
            break
        time.sleep(0.2)
    raise AssertionError("make run did not come up:\n" + "\n".join(service.lines))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    own = {"executable_path": system_chromium()} if system_chromium() else {}
    return {**browser_type_launch_args, "args": CHROMIUM_ARGUMENTS, **own}


@pytest.fixture(scope="session")
def colleagues(running: Running) -> Iterator[Colleagues]:
    """One for all tests: a passkey counts its uses, and the service refuses a count it has seen."""
    people = Colleagues(running.address, running.state / "demo")
    yield people
    people.close()


@pytest.fixture(scope="module", autouse=True)
def calm(colleagues: Colleagues) -> None:
    """A module begins as the night does: nothing open that could call anybody, and everybody in the role of the story."""
    for physician in (colleagues.account("adler"), colleagues.account("falk")):
        for request in physician.beds.requests("open"):
            on_the_way = any(candidate["state"] == "in-transit" for candidate in request["candidates"])
            if request["requester"] == str(physician.person) and not on_the_way:
                physician.beds.cancel(UUID(request["id"]), "other")
    for name, role in (("brandt", ICU), ("yilmaz", BACKGROUND)):
        colleagues.account(name).take_duty(UUID(colleagues.world["roles"][f"hohenfeld/{role}"]))


@pytest.fixture
def phones(browser: Browser) -> Iterator[Phones]:
    """New phones; in the end they are closed, and none may have had a fault that nobody saw."""
    made = Phones(browser)
    yield made
    made.close()
    assert made.faults() == []
