"""``make run``'s launcher: one clear sentence for what a person has to mend, and nothing left behind."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import embedded
from demo import run, service
from demo.bootstrap import NEEDED_BYTES
from demo.steps import Stop

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def launch(state: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = {"DATABASE_URL", "MIGRATE_DATABASE_URL", "REDIS_URL", "WARDLINE_MODE", "PUBLIC_URL", "SECRET_KEY"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    settings = {**inherited, "WARDLINE_STATE": str(state), **environment}
    return subprocess.run([sys.executable, "-m", "demo.run"], cwd=ROOT, env=settings, capture_output=True, text=True, check=False)


def test_a_taken_port_is_one_sentence_and_starts_nothing(tmp_path: Path, taken: int) -> None:
    done = launch(tmp_path / "state", PORT=str(taken))
    assert done.returncode == 1
    assert (done.stdout + done.stderr).splitlines() == [
        f"Port {taken} is taken by another program: choose another one, e.g. make run PORT={taken + 1}"
    ]
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("port", ["http", "0", "70000"])
def test_a_port_that_is_none_is_one_sentence(tmp_path: Path, port: str) -> None:
    done = launch(tmp_path / "state", PORT=port)
    assert done.returncode == 1
    assert len((done.stdout + done.stderr).splitlines()) == 1
    assert port in done.stdout


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "STATE", tmp_path / "state")
    monkeypatch.setattr(run.shutil, "disk_usage", lambda path: _Usage(free=5_000_000))
    with pytest.raises(Stop, match="5 MB of disk left"):
        run._refuse_full_disk()


def test_an_old_python_is_one_sentence() -> None:
    text = (ROOT / "demo" / "bootstrap.py").read_text()
    old = text.replace("sys.version_info < (3, 11)", "sys.version_info < (9, 9)")
    done = subprocess.run(
        [sys.executable, "-c", old.replace("__file__", repr(str(ROOT / "demo" / "bootstrap.py")))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"Wardline needs Python 3\.11 or newer, and this is \d\.\d+: make run PYTHON=\S+", done.stderr.strip())
    assert NEEDED_BYTES > 1e9


def test_one_service_per_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "STATE", tmp_path / "state")
    assert service.running_address() is None
    with service._lock_checkout():
        (tmp_path / "state" / "service.json").write_text('{"address": "http://localhost:8000"}')
        with pytest.raises(Stop, match="runs already"):
            service._lock_checkout()
        assert service.running_address() == "http://localhost:8000"
    assert service.running_address() is None


def test_embedded_stores_start_on_a_deep_path_with_spaces_and_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / ("deep and " * 12).strip() / "state"
    for name in ("DATABASE_URL", "MIGRATE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    embedded.start(state, is_durable=False)
    address, queue = os.environ["DATABASE_URL"], os.environ["REDIS_URL"]
    pid = int((state / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    try:
        assert embedded._database_answers(address)
        assert address.startswith(f"postgresql://{embedded.APP}@")
        assert os.environ["MIGRATE_DATABASE_URL"].startswith(f"postgresql://{embedded.OWNER}@")
        assert embedded._redis_answers(Path(queue.removeprefix("unix://")))
    finally:
        embedded.stop(state)
    assert not embedded._database_answers(address)
    assert embedded._has_ended(pid)


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free
