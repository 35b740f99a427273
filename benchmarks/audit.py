"""What being in the audit log costs, beside the same work without it, and how fast it is sequenced, exported and verified, in one run:
``python -m benchmarks.audit``.

Invariant: every figure counts only with its check: as many events as writes, every one in the log, the tree's root as recomputed. A plain
and an audited turn follow each other within a round, so that a slow minute slows both; what counts is their ratio.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from benchmarks import machine

TABLE = """
CREATE TABLE bench_write (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, conversation uuid NOT NULL, ciphertext bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX bench_write_conversation ON bench_write (conversation, id);
-- What is read: 1,000 conversations of 50 rows, with the statistics a running database has.
CREATE TABLE bench_read AS SELECT row AS id, md5((row % 1000)::text)::uuid AS conversation, decode(repeat('ab', 1200), 'hex') AS ciphertext
FROM generate_series(1, 50000) AS row;
CREATE INDEX bench_read_conversation ON bench_read (conversation, id);
ANALYZE bench_read;
"""
WRITE = "INSERT INTO bench_write (conversation, ciphertext) VALUES (%(conversation)s, %(ciphertext)s) RETURNING id"
READ = "SELECT id, ciphertext FROM bench_read WHERE conversation = md5(%(which)s::text)::uuid ORDER BY id LIMIT 50"
CIPHERTEXT = os.urandom(1200)
Turn = Callable[[UUID], None]


def turns() -> dict[str, tuple[Turn, Turn]]:
    """By name the plain one and the audited one; each takes the hospital in whose log it is."""
    from django.db import connection, transaction

    from audit.events import Agent, Event
    from audit.services import leaf_ctes, leaf_of, record

    one_statement = f"WITH sent AS ({WRITE}), {leaf_ctes(given='sent')} SELECT id FROM sent"
    row = {"conversation": uuid4(), "ciphertext": CIPHERTEXT}

    def event(*hospitals: UUID) -> Event:
        agent = Agent(person=uuid4(), hospital=hospitals[0], device=uuid4(), profession="physician", method="passkey")
        return Event(action="messaging.send", agent=agent, hospitals=hospitals, subjects={"conversation": uuid4()}, digest=bytes(32))

    def execute(statement: str, parameters: dict[str, Any]) -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return len(cursor.fetchall())

    def read(hospital: UUID) -> None:
        assert execute(READ, {"which": random.randrange(1000)}) == 50

    def write(hospital: UUID) -> None:
        with transaction.atomic():
            execute(WRITE, row)

    def audited_write(hospital: UUID) -> None:
        with transaction.atomic():
            execute(WRITE, row)
            record(event=event(hospital))

    def write_for_two(hospital: UUID) -> None:
        with transaction.atomic():
            execute(WRITE, row)
            record(event=event(hospital, UUID(int=hospital.int ^ 1)))

    def audited_read(hospital: UUID) -> None:
        with transaction.atomic():
            record(event=event(hospital))
        read(hospital)

    return {
        "write": (write, audited_write),
        "write_for_two_hospitals": (write, write_for_two),
        "write_in_one_statement": (
            lambda hospital: execute(WRITE, row),
            lambda hospital: execute(one_statement, row | leaf_of(event(hospital)).parameters()),
        ),
        "read": (read, audited_read),
    }


def rate(turn: Turn, hospital: UUID, *, clients: int, seconds: float) -> tuple[float, int]:
    """Turns per second of ``clients`` threads together, and how many there were."""
    from django.db import connection

    counts, gate = [0] * clients, threading.Barrier(clients + 1, timeout=60)

    def work(which: int) -> None:
        turn(hospital)  # connects
        gate.wait()
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            turn(hospital)
            counts[which] += 1
        connection.close()

    threads = [threading.Thread(target=work, args=[which]) for which in range(clients)]
    for thread in threads:
        thread.start()
    gate.wait()
    started = time.monotonic()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - started), sum(counts) + clients


def sequence(hospital: UUID, batch: int) -> tuple[float, int]:
    """Leaves per second of one sequencer over everything that waits in a log, and how many there were."""
    from audit.sequencer import integrate

    count, started = 0, time.monotonic()
    while done := integrate(hospital, batch=batch):
        count += done
    return count / (time.monotonic() - started), count


def fill(hospital: UUID, count: int) -> None:
    """Events that wait, as ``record`` leaves them."""
    from django.db import connection

    from audit.events import Agent, Event
    from audit.leaves import leaf_of

    leaf = leaf_of(Event(action="messaging.send", agent=Agent(), hospitals=[hospital])).content
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH new AS (INSERT INTO audit_event (leaf) SELECT %s FROM generate_series(1, %s) RETURNING id) "
            "INSERT INTO audit_pending (hospital, event) SELECT %s, id FROM new",
            [leaf, count, hospital],
        )
        cursor.execute("ANALYZE audit_pending, audit_event")


def check(hospital: UUID, count: int) -> None:
    """Raises ``AssertionError`` unless exactly ``count`` events are in this log and its tree is theirs."""
    from audit.models import Log
    from audit.verification import verify_logs

    ((_, recomputed, findings),) = verify_logs(Log.objects.get(hospital=hospital).pk)
    assert (recomputed, findings) == (count, [])


def exported(count: int, folder: Path) -> dict[str, float]:
    """A log of ``count`` events as a signed bundle, and that bundle judged (``benchmarks.exports``)."""
    from benchmarks.exports import round_of
    from benchmarks.long_log import fill as fill_log

    return {name: round(figure, 2) for name, figure in round_of(fill_log(uuid4(), count), count, folder).items()}


def one_round(given: argparse.Namespace, folder: Path) -> dict[str, float]:
    figures: dict[str, float] = {"load_before": round(machine.load(), 2)}
    for name, (plain, audited) in turns().items():
        for clients in given.clients:
            hospital = uuid4()
            without, _ = rate(plain, hospital, clients=clients, seconds=given.seconds)
            with_it, count = rate(audited, hospital, clients=clients, seconds=given.seconds)
            sequence(hospital, 1024)
            check(hospital, count)
            figures |= {f"{name}_{clients}_plain": round(without), f"{name}_{clients}_audited": round(with_it)}
            figures |= {f"{name}_{clients}_ratio": round(with_it / without, 3)}
    audited = figures[f"write_{given.clients[-1]}_audited"]
    for batch in (256, 1024):
        hospital = uuid4()
        fill(hospital, given.events)
        leaves, count = sequence(hospital, batch)
        check(hospital, given.events)
        assert count == given.events
        figures |= {f"sequencer_{batch}": round(leaves), f"sequencer_{batch}_to_audited_writes": round(leaves / audited, 1)}
    return figures | exported(given.events, folder) | {"load_after": round(machine.load(), 2)}


def table(medians: dict[str, float], clients: list[int]) -> str:
    """The ratios, one a line: what counts, on whatever machine, as long as nothing else works on it."""
    turns = ("write", "write_for_two_hospitals", "write_in_one_statement", "read")
    rows = [(f"{turn}, {count} clients: audited / plain turns", medians[f"{turn}_{count}_ratio"]) for turn in turns for count in clients]
    rows += [
        (f"sequencer, batches of {size}: leaves / audited writes", medians[f"sequencer_{size}_to_audited_writes"]) for size in (256, 1024)
    ]
    rows += [
        ("export: times COPY of the leaves", medians["export_to_copy"]),
        ("verify: times SHA-256 of the file", medians["verify_to_sha256"]),
    ]
    rows += [(f"load average {when} the round", medians[f"load_{when}"]) for when in ("before", "after")]
    return "\n".join(f"| {what:58} | {figure:6.2f} |" for what, figure in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="What being in the audit log costs, and how fast it is sequenced, exported and verified.")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=3, help="of every turn")
    parser.add_argument("--events", type=int, default=50_000, help="for the sequencer, the export and the verifier")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    os.environ["DATABASE_POOL"] = str(max(given.clients) + 2)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WARDLINE_STATE"] = folder
        rounds = measured(given, Path(folder))
    medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        **vars(given),
        "medians": medians,
        "rounds": rounds,
    }
    path = machine.ROOT / "benchmarks" / "results" / f"audit-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{uuid4().hex[:4]}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(medians, given.clients), path.relative_to(machine.ROOT), sep="\n")


def measured(given: argparse.Namespace, folder: Path) -> list[dict[str, float]]:
    """Every round in one database of its own."""
    machine.prepare()
    with machine.fresh_database():
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(TABLE)
        rounds = [one_round(given, folder) for _ in range(given.runs)]
        connection.close()
        connection.close_pool()
    return rounds


if __name__ == "__main__":
    main()
