"""A production that is unsafe does not start: each problem stops a real process, and a safe one starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
START = "import django; django.setup(); print('started')"


@pytest.fixture
def safe(tmp_path: Path) -> dict[str, str]:
    key = tmp_path / "audit.key"
    key.write_text("a key")
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "backend.settings",
        "WARDLINE_MODE": "production",
        "WARDLINE_STATE": str(tmp_path),
        "PUBLIC_URL": "https://wardline.hospital.test",
        "SECRET_KEY": "f3" * 40,
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "AUDIT_KEY_FILE": str(key),
    }


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", START], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_safe_production_starts(safe: dict[str, str]) -> None:
    done = start(safe)
    assert done.stdout == "started\n", done.stderr


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("DEBUG", "1", "DEBUG"),
        ("PUBLIC_URL", "http://wardline.hospital.test", "https://"),
        ("PUBLIC_URL", "https://localhost", "own host"),
        ("PUBLIC_URL", "https://wardline.example.org", "own host"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", ".hospital.test", "ALLOWED_HOSTS"),
        ("SECRET_KEY", "demo-" + "f3" * 40, "SECRET_KEY"),
        ("SECRET_KEY", "short", "SECRET_KEY"),
        ("AUDIT_KEY_FILE", "/nowhere/audit.key", "AUDIT_KEY_FILE"),
        ("AUDIT_POLICY_FILE", "/nowhere/audit.policy", "AUDIT_POLICY_FILE"),
        ("WARDLINE_MODE", "demo", "localhost"),
        ("WARDLINE_MODE", "debug", "WARDLINE_MODE"),
    ],
)
def test_unsafe_settings_stop_the_start_with_a_sentence(safe: dict[str, str], name: str, value: str, word: str) -> None:
    done = start(safe | {name: value})
    assert done.returncode != 0
    assert "started" not in done.stdout
    assert word in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL", "PUBLIC_URL"])
def test_what_is_missing_is_named(safe: dict[str, str], name: str) -> None:
    del safe[name]
    done = start(safe)
    assert done.returncode != 0
    assert f"{name} is not set" in done.stderr


def test_a_secret_comes_from_its_file(safe: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(safe.pop("SECRET_KEY") + "\n")
    assert start(safe | {"SECRET_KEY_FILE": str(tmp_path / "secret")}).stdout == "started\n"
    missing = start(safe | {"SECRET_KEY_FILE": str(tmp_path / "none")})
    assert "SECRET_KEY_FILE cannot be read" in missing.stderr


def test_the_demos_own_secret_is_one_that_production_refuses(safe: dict[str, str], tmp_path: Path) -> None:
    from backend.embedded import secret

    made = secret(tmp_path / "state", "secret.key")
    assert made == secret(tmp_path / "state", "secret.key")
    assert (tmp_path / "state" / "secret.key").stat().st_mode & 0o077 == 0
    assert start(safe | {"SECRET_KEY": made}).returncode != 0
