"""ADT messages a second: one sender in a closed loop, and twenty, beside bare transactions of the same PostgreSQL in the same run.

Invariant: a round counts only if every message was accepted, every bed is what the last message about it says, and every message has its
audit event. The real ``manage.py mllp``, over TCP on this machine; the plain transaction is a message row and an audit row in four round
trips (``machine.FOUR_ROUND_TRIPS``), with as many clients.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from benchmarks import machine

UNITS, BEDS = 10, 20  # units of one hospital, single beds in each
EVENTS = ("A01", "A03")
STATUS = {"A01": "O", "A03": "H"}


class Sender:
    """One connection; its beds are told about by nobody else."""

    def __init__(self, port: int, beds: list[tuple[int, int]]) -> None:
        self.beds, self.sent, self.last = beds, 0, dict[tuple[int, int], str]()
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._at = datetime.now(UTC) - timedelta(days=1)

    def send(self, count: int) -> None:
        for _ in range(count):
            unit, bed = self.beds[self.sent % len(self.beds)]
            event = EVENTS[self.sent // len(self.beds) % 2]
            self.sent, self._at, self.last[unit, bed] = self.sent + 1, self._at + timedelta(seconds=1), event
            at, id = self._at.strftime("%Y%m%d%H%M%S+0000"), uuid4().hex
            lines = (
                f"MSH|^~\\&|KIS|BENCH|WARDLINE||{at}||ADT^{event}|{id}|P|2.5",
                f"EVN|{event}|{at}",
                "PID|1||4711^^^KIS||Beispiel^Berta||19500101|F",
                f"PV1|1|I|U{unit}^1^{bed:02}",
            )
            self._socket.sendall(b"\x0b" + "\r".join(lines).encode() + b"\r\x1c\r")
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                answer += self._socket.recv(4096)
            assert f"MSA|AA|{id}".encode() in answer, answer


@contextmanager
def listening() -> Iterator[machine.Process]:
    log = machine.STATE / "mllp.log"
    with log.open("wb") as stream:
        environment = os.environ | {"MLLP_PORT": "0"}
        process = subprocess.Popen([sys.executable, "manage.py", "mllp"], cwd=machine.ROOT, env=environment, stderr=stream)
    try:
        yield machine.Process(_port(log), process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _port(log: Path) -> int:
    for _ in range(600):
        if found := re.search(r"on port (\d+)", log.read_text(encoding="utf-8")):
            return int(found[1])
        time.sleep(0.1)
    raise AssertionError("the listener does not listen")


def make_feed() -> tuple[UUID, list[UUID]]:
    """A hospital's feed, and its units."""
    from beds.services.figures import Figures
    from beds.services.opening import open_capacity
    from identity.models import Hospital, Unit
    from integration.services.feed_setup import Ward, add_feed, map_feed

    hospital = Hospital.objects.create(slug="bench", name="Bench")
    units = [Unit.objects.create(hospital=hospital, name=f"Unit {number}") for number in range(UNITS)]
    for unit in units:
        open_capacity(unit_id=unit.pk, category="imc", figures=Figures(BEDS, 0, 0), beds=[f"{bed:02}" for bed in range(BEDS)])
    feed = add_feed(slug="bench", application="KIS", facility="BENCH", networks=["127.0.0.1/32"])
    map_feed(feed_id=feed.pk, wards=[Ward(f"U{number}", unit.name) for number, unit in enumerate(units)])
    return feed.pk, [unit.pk for unit in units]


def round_of(process: machine.Process, senders: list[Sender], each: int) -> dict[str, float]:
    cpu, started = process.cpu_seconds(), time.perf_counter()
    threads = [threading.Thread(target=sender.send, args=(each,)) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, count = time.perf_counter() - started, each * len(senders)
    return {"per_second": count / seconds, "cpu_ms": (process.cpu_seconds() - cpu) / count * 1000}


def check(senders: list[Sender], units: list[UUID], feed: UUID) -> None:
    from audit.models import IndexEntry
    from beds.models import Bed

    beds = {(units.index(bed.unit_id), int(bed.label)): bed.status for bed in Bed.objects.filter(unit__in=units)}
    assert all(beds[place] == STATUS[event] for sender in senders for place, event in sender.last.items())
    events = IndexEntry.objects.filter(action="integration.take_message", subjects__contains=[feed]).count()
    assert events == sum(sender.sent for sender in senders), events


def measure(given: argparse.Namespace) -> dict[str, Any]:
    with machine.fresh_database() as url:
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        feed, units = make_feed()
        places = [(unit, bed) for bed in range(BEDS) for unit in range(UNITS)]
        load, rounds = machine.load(), {1: list[dict[str, float]](), given.connections: []}
        with listening() as process:
            several = [Sender(process.port, places[number :: given.connections]) for number in range(given.connections)]
            round_of(process, several, 5)
            for _ in range(given.rounds):
                for count, kept in rounds.items():
                    figures = round_of(process, several[:count], max(1, given.messages // count))
                    beside = machine.pgbench(url, clients=count, seconds=given.seconds)
                    kept.append(figures | {"plain": beside, "ratio": figures["per_second"] / beside})
            check(several, units, feed)
        connection.close()
    return {"load_before": round(load, 2), "connections": {count: _medians(kept) for count, kept in rounds.items()}}


def _medians(kept: list[dict[str, float]]) -> dict[str, Any]:
    found = {name: [one[name] for one in kept] for name in kept[0]}
    return {name: [round(figure(values), 3) for figure in (statistics.median, min, max)] for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="ADT messages accepted, beside bare transactions.")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=1_000, help="of each round")
    parser.add_argument("--seconds", type=int, default=5, help="of pgbench in each round")
    given = parser.parse_args()
    machine.prepare()
    result = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cpus": os.cpu_count(), **vars(given), **measure(given)}
    path = machine.ROOT / "benchmarks" / "results" / f"adt-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{uuid4().hex[:4]}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for count, figures in result["connections"].items():
        print(f"{count:3} connections {figures}")
    print(path.relative_to(machine.ROOT))


if __name__ == "__main__":
    main()
