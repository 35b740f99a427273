"""One running service for all faults, and the cast on it: their people act over HTTP, their rows are looked at through Django."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from django.db import connection, connections
from pytest_django import DjangoDbBlocker

from backend.settings import _database
from beds.models import Capacity
from tests.beds.asking import Ward
from tests.cast import Night
from tests.faults.stack import ROOT, Stack
from tests.faults.wire import Ledger, Wire

FREE_BEDS = 9_000


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Stack]:
    # Not below pytest's own temporary folder: every pytest that starts closes that one to others, and PostgreSQL may be another account.
    place = ROOT / ".wardline"
    place.mkdir(exist_ok=True)
    folder = Path(mkdtemp(prefix="faults-", dir=place))
    with Stack.started(folder) as stack, django_db_blocker.unblock():
        mine = connections.settings["default"]
        former = dict(mine)
        leave_database()
        mine |= {name: value for name, value in _database(stack.database_url).items() if name != "TEST"}
        try:
            yield stack
        finally:
            leave_database()
            mine |= former
    if not request.session.testsfailed:  # else somebody will want the logs
        shutil.rmtree(folder)


def leave_database() -> None:
    connections.close_all()
    connection.close_pool()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def ward(stack: Stack, ledger: Ledger) -> Iterator[Ward]:
    """People of this test alone, on the running service, with more beds than anybody can promise."""
    stack.wait_until_ready()
    with pytest.MonkeyPatch.context() as monkeypatch:
        night = Night(monkeypatch)
        people = [person for person in vars(night)["_people"].values() if person.session_key]
        wires = [Wire(stack.addresses(), person.client.cookies, ledger) for person in people]
        for person, wire in zip(people, wires, strict=True):
            person.client = wire
        ward = Ward(night)
        Capacity.objects.filter(pk__in=[figure.pk for figure in ward.figures.values()]).update(staffed=FREE_BEDS)
        yield ward
        for wire in wires:
            wire.close()
    # What was killed in this test must not be the next one's trouble with its connections.
    leave_database()
