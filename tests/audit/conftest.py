"""A log of one's own for every test, and a state folder that nothing else signs in."""

import json
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from audit.checkpoints import sign_checkpoint
from audit.events import Agent, Event
from audit.models import Leaf, Log
from audit.sequencer import integrate
from audit.services import record
from tests.messaging.conftest import blob_dir, server

__all__ = ["blob_dir", "server"]


@pytest.fixture(autouse=True)
def state(settings, tmp_path):
    settings.STATE_DIR, settings.AUDIT_KEY_FILE = tmp_path, tmp_path / "audit.key"
    return tmp_path


class Hospital:
    """Somebody who writes events and looks at what became of them."""

    def __init__(self) -> None:
        self.id: UUID = uuid4()

    @property
    def log(self) -> Log:
        return Log.objects.get(hospital=self.id)

    def writes(self, count: int, action: str = "beds.hold") -> None:
        with transaction.atomic():
            for number in range(count):
                record(event=Event(action=action, agent=Agent(hospital=self.id), hospitals=[self.id], detail={"number": number}))

    def publishes(self) -> str:
        while integrate(self.id):
            pass
        return sign_checkpoint(self.log.id)

    def leaves(self) -> list[dict]:
        rows = Leaf.objects.filter(log__hospital=self.id).order_by("leaf_index").select_related("event")
        assert [row.leaf_index for row in rows] == list(range(len(rows)))
        return [json.loads(bytes(row.event.leaf)) for row in rows]

    def hashes(self) -> list[bytes]:
        rows = Leaf.objects.filter(log__hospital=self.id).order_by("leaf_index").values_list("leaf_hash", flat=True)
        return [bytes(digest) for digest in rows]


@pytest.fixture
def hospital() -> Hospital:
    return Hospital()


@pytest.fixture
def tamper(hospital):
    """Do to the database what its owner could: triggers off, one statement, triggers on again.

    The hospital's log is retired afterwards (nothing waits in it, nothing is left to sign), or it would raise the alarm in the tests that
    follow; and no leaf is left without its event, or the database could not be restored from a dump.
    """

    def change(statement: str, parameters: list, at_least: int = 1) -> None:
        tables = ("audit_event", "audit_leaf", "audit_node", "audit_checkpoint", "audit_cosignature")
        with transaction.atomic(), connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            cursor.execute(statement, parameters)
            assert cursor.rowcount >= at_least
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")

    yield change
    change("DELETE FROM audit_leaf WHERE NOT EXISTS (SELECT FROM audit_event WHERE id = event)", [], at_least=0)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_pending WHERE hospital = %s", [hospital.id])
        last = "SELECT id, size, sha256(''), '' FROM audit_log WHERE hospital = %s"
        cursor.execute(f"INSERT INTO audit_checkpoint (log, size, root, note) {last} ON CONFLICT DO NOTHING", [hospital.id])
