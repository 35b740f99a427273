"""A long log, exported and verified: the memory does not know how many events there are.

``WARDLINE_LONG_LOG=1000000`` makes it a million; that takes minutes.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection

from audit.checkpoints import verifier_keys
from audit.exports import files
from audit.models import Export
from benchmarks.long_log import VERIFY, Done, export, fill, measured

MANY, FEW = int(os.environ.get("WARDLINE_LONG_LOG", "40000")), 2_000
MEGABYTE = 1 << 20

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]


@pytest.fixture
def made(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """Fill a log, export it in a child process and have it verified in another one."""

    def make(count: int, format: str = "bundle") -> tuple[Done, Done | None, Path]:
        log = fill(uuid4(), count)
        note = log.checkpoints.get(size=count).note
        asked = Export.objects.create(
            log=log.pk, hospital=log.hospital, asked_by=uuid4(), format=format, zone="Europe/Berlin", note=note, size=count
        )
        exported = export(str(connection.settings_dict["NAME"]), str(settings.STATE_DIR))
        asked.refresh_from_db()
        assert (asked.state, asked.events) == ("ready", count)
        path = files.path_of(asked.pk)
        verified = measured(VERIFY, str(path), "--key", verifier_keys([log.pk])[log.pk], "--language", "en") if format == "bundle" else None
        return exported, verified, path

    with django_db_blocker.unblock():
        Export.objects.filter(state__in=Export.UNDONE).update(state="gone")
        yield make
        for path in Path(settings.STATE_DIR, "exports").glob("*.export"):
            path.unlink()
        connection.close()


def test_a_long_log_takes_the_memory_of_a_short_one(made: Any) -> None:
    few_exported, few_verified, _ = made(FEW)
    exported, verified, path = made(MANY)

    assert (few_verified.code, verified.code) == (0, 0), verified.out
    assert f"{MANY} events" in verified.out
    assert path.stat().st_size > 500 * MANY
    assert exported.peak - few_exported.peak < 24 * MEGABYTE
    assert verified.peak - few_verified.peak < 8 * MEGABYTE
    assert verified.peak < 64 * MEGABYTE


@pytest.mark.parametrize("format", ["fhir", "csv"])
def test_so_do_the_other_files(made: Any, format: str) -> None:
    few, _, _ = made(FEW, format)
    many, _, _ = made(40_000, format)

    assert many.peak - few.peak < 24 * MEGABYTE


def test_the_children_measure_what_they_need() -> None:
    """The control of the above: a program that keeps a hundred megabytes is caught."""
    few, many = measured("kept = b''"), measured("kept = b'x' * (100 << 20)")
    assert many.peak - few.peak > 90 * MEGABYTE
