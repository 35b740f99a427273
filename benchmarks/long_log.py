"""A log of any length, written by SQL; and a child process that says how much memory it came to need."""

import json
import os
import subprocess
import sys
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import connection

from audit.checkpoints import sign_checkpoint
from audit.events import Agent, Event
from audit.leaves import leaf_of
from audit.models import Log
from audit.openings import snapshot_of
from audit.sequencer import integrate

_FILL = """
    WITH numbered AS (SELECT n, now() - make_interval(secs => (%(count)s - n) / 10.0) AS at FROM generate_series(1, %(count)s) AS n),
    made AS (
        INSERT INTO audit_event (leaf)
        SELECT convert_to(replace(replace(%(leaf)s, %(nonce)s, substr(md5(n::text), 1, 22)), %(at)s,
            to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')), 'UTF8')
        FROM numbered ORDER BY n
        RETURNING id),
    indexed AS (
        INSERT INTO audit_index (event, at, action, outcome, agent, hospitals, subjects)
        SELECT id, now(), 'messaging.read', 'success', %(agent)s, ARRAY[%(hospital)s::uuid], ARRAY[]::uuid[] FROM made)
    INSERT INTO audit_pending (hospital, event) SELECT %(hospital)s, id FROM made"""


def fill(hospital: UUID, count: int) -> Log:
    """Write and sequence ``count`` events of one person with an opening, and sign them; the hospital's log."""
    person = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audit_open(%s, 'agent', %s)", [person, json.dumps({"name": "Adler", "title": "Dr.", "profession": "physician"})]
        )
    agent = Agent(person=person, hospital=hospital, device=uuid4(), profession="physician", method="passkey", snapshot=snapshot_of(person))
    event = Event("messaging.read", agent, [hospital], subjects={"conversation": uuid4()}, detail={"first": 1, "last": 40})
    leaf = leaf_of(event).content.decode()
    said = json.loads(leaf)
    parameters = {"count": count, "leaf": leaf, "nonce": said["nonce"], "at": said["at"], "agent": person, "hospital": hospital}
    with connection.cursor() as cursor:
        cursor.execute(_FILL, parameters)
    while integrate(hospital, batch=20_000):
        pass
    log = Log.objects.get(hospital=hospital)
    sign_checkpoint(log.pk)
    return log


class Done(NamedTuple):
    """``peak`` in bytes; ``out`` what the program printed."""

    code: int
    seconds: float
    peak: int
    out: str


_MEASURED = """
import sys, time, runpy
began = time.monotonic()
code = 0
try:
    {program}
except SystemExit as end:
    code = end.code or 0
seconds = time.monotonic() - began
peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(f"\\n{{code}} {{seconds}} {{peak}}")
"""


def measured(program: str, *arguments: str, env: dict[str, str] | None = None) -> Done:
    """Run a line of Python in a process of its own; its arguments are ``sys.argv[1:]``."""
    command = [sys.executable, "-c", _MEASURED.format(program=program), *arguments]
    done = subprocess.run(command, env=os.environ | (env or {}), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    out, _, last = done.stdout.rstrip("\n").rpartition("\n")
    code, seconds, peak = last.split()
    return Done(int(code), float(seconds), int(peak), out)


VERIFY = "from wardline_verify.cli import main; sys.exit(main(sys.argv[1:]))"
EXPORT = (
    "import os, django; django.setup(); "
    "from django.conf import settings; settings.DATABASES['default']['NAME'] = os.environ['DATABASE_NAME']; "
    "from audit.exports.jobs import run_exports; run_exports(seconds=3600)"
)


def export(database: str, state: str) -> Done:
    """Make whatever export waits, as the worker does, in a process of its own."""
    return measured(EXPORT, env={"DATABASE_NAME": database, "WARDLINE_STATE": state})
