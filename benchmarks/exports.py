"""How fast a log is exported and verified, beside what the same machine does at the least in the same run.

``python -m benchmarks.exports [--events 200000] [--rounds 3]``. Export of the signed bundle against PostgreSQL's own COPY of the same
leaves into a file; verification against SHA-256 of the same file by ``hashlib``. The added cost of a commitment is the time for making a
leaf with one against one without. Ratios above 1 are how many times as long it takes.
"""

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import machine


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def commitment_cost() -> float:
    """Leaf with a commitment against leaf without: the only thing it adds to a message."""
    from audit.events import Agent, Event
    from audit.leaves import leaf_of

    def make(snapshot: bytes | None) -> None:
        agent = Agent(person=uuid4(), hospital=uuid4(), device=uuid4(), profession="physician", method="passkey", snapshot=snapshot)
        event = Event("messaging.send", agent, [uuid4(), uuid4()], subjects={"conversation": uuid4()}, digest=bytes(32))
        for _ in range(5000):
            leaf_of(event).parameters()

    pairs = [(seconds(lambda: make(bytes(32))), seconds(lambda: make(None))) for _ in range(7)]
    return statistics.median(with_one / without for with_one, without in pairs)


def write_costs() -> dict[str, float]:
    """A recorded event, transaction and all: with a commitment against without, then with the indexes for auditors against without."""
    from django.db import connection, transaction

    from audit.events import Agent, Event
    from audit.services import record

    hospital = uuid4()

    def write(snapshot: bytes | None) -> None:
        agent = Agent(person=uuid4(), hospital=hospital, device=uuid4(), profession="physician", method="passkey", snapshot=snapshot)
        for _ in range(200):
            with transaction.atomic():
                record(event=Event("messaging.send", agent, [hospital], subjects={"conversation": uuid4()}, digest=bytes(32)))

    def one(*statements: str) -> float:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        return seconds(lambda: write(bytes(32)))

    committed = [(seconds(lambda: write(bytes(32))), seconds(lambda: write(None))) for _ in range(15)]
    drop = "DROP INDEX audit_index_at, audit_index_trouble"
    make = (
        "CREATE INDEX audit_index_at ON audit_index USING brin (at) WITH (pages_per_range = 32, autosummarize = on)",
        "CREATE INDEX audit_index_trouble ON audit_index (event) WHERE outcome <> 'success'",
    )
    bare = [(one(drop), one(*make)) for _ in range(15)]
    return {
        "write_with_commitment": round(statistics.median(a / b for a, b in committed), 2),
        "write_with_indexes": round(statistics.median(b / a for a, b in bare), 2),
    }


def round_of(log: Any, count: int, folder: Path) -> dict[str, float]:
    from django.db import connection

    from audit.checkpoints import verifier_keys
    from audit.exports import files
    from audit.models import Export
    from benchmarks.long_log import VERIFY, export, measured

    note = log.checkpoints.get(size=count).note
    asked = Export.objects.create(log=log.pk, hospital=log.hospital, asked_by=uuid4(), format="bundle", zone="UTC", note=note, size=count)
    made = export(str(connection.settings_dict["NAME"]), str(folder))
    path = files.path_of(asked.pk)
    verified = measured(VERIFY, str(path), "--key", verifier_keys([log.pk])[log.pk])
    if verified.code:
        raise SystemExit(verified.out)
    copied, hashed = seconds(lambda: copy(log.pk, folder / "copied")), seconds(lambda: digest(path))
    return {
        "export_events_per_second": count / made.seconds,
        "verify_events_per_second": count / verified.seconds,
        "export_to_copy": made.seconds / copied,
        "verify_to_sha256": verified.seconds / hashed,
        "export_peak_megabytes": made.peak / 2**20,
        "verify_peak_megabytes": verified.peak / 2**20,
    }


def copy(log: object, path: Path) -> None:
    from django.db import connection

    query = "COPY (SELECT leaf_index, leaf FROM audit_leaf JOIN audit_event ON id = event WHERE log = %s ORDER BY leaf_index) TO STDOUT"
    with connection.cursor() as cursor, path.open("wb") as file, cursor.copy(query, [log]) as rows:
        for row in rows:
            file.write(row)


def digest(path: Path) -> None:
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WARDLINE_STATE"] = folder
        machine.prepare()
        with machine.fresh_database():
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            from benchmarks.long_log import fill

            log = fill(uuid4(), given.events)
            rounds = [round_of(log, given.events, Path(folder)) for _ in range(given.rounds)]
            names = rounds[0]
            result = {name: round(statistics.median(each[name] for each in rounds), 2) for name in names}
            print(
                json.dumps(
                    {
                        "events": given.events,
                        "load": machine.load(),
                        **result,
                        "leaf_with_commitment": round(commitment_cost(), 2),
                        **write_costs(),
                    },
                    indent=2,
                )
            )


if __name__ == "__main__":
    main()
