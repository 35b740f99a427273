"""Fixtures of the messaging tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.people import Talk
from messaging import blobs
from tests.cast import Night
from tests.messaging.people import start_talk
from tests.messaging.server import Server


@pytest.fixture
def talk(night: Night) -> Talk:
    """Adler's conversation with the duty role of the university hospital."""
    return start_talk(night)


@pytest.fixture
def blob_dir(tmp_path: Path, settings: Any) -> Iterator[Path]:
    settings.BLOB_DIR = tmp_path
    blobs.storage.cache_clear()
    yield tmp_path
    blobs.storage.cache_clear()


@pytest.fixture(scope="session")
def server(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real uvicorn process on a loopback port, on the test database."""
    with django_db_blocker.unblock(), Server.started(BLOB_DIR=str(tmp_path_factory.mktemp("blobs"))) as running:
        yield running
