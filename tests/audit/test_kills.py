"""SIGKILL, at every statement and at random moments, with two sequencing processes and live writers: contiguous, complete, the right root.

A killed process counts only if it had committed something before: one that dies while it starts proves nothing.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection, transaction

from audit.checkpoints import sign_checkpoint
from audit.events import Agent, Event
from audit.merkle import Range
from audit.models import Checkpoint
from audit.published import last_published
from audit.sequencer import integrate
from audit.services import record
from audit.status import status
from audit.verification import verify_logs
from tests.audit.test_merkle import root_by_the_book
from tests.messaging.server import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
ROOT = Path(__file__).resolve().parents[2]
# Two batches: lock, tree, take, leaves, nodes where a tile is full, grow; whose log; tree, stored roots, checkpoint.
STATEMENTS = 24
ROUNDS = 100


class Sequencers:
    def __init__(self, hospital, state):
        self.hospital, self.progress = hospital, state / "progress"
        environment = os.environ | {"DATABASE_URL": database_url(), "WARDLINE_STATE": str(state)}
        command = [sys.executable, "-m", "tests.audit.killing"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.alive, self.killed = set(), set()

    def start(self, **order):
        self.process.stdin.write(
            json.dumps({"hospital": str(self.hospital.id), "progress": str(self.progress), "batch": 7, **order}) + "\n"
        )
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        self.alive.add(pid)
        return pid

    def committed(self):
        """Leaves by process."""
        made = Counter()
        for line in self.progress.read_text().splitlines() if self.progress.exists() else []:
            pid, leaves = line.split()
            made[int(pid)] += int(leaves)
        return made

    def wait_for_progress(self, pid):
        deadline = time.monotonic() + 20
        while not self.committed()[pid]:
            assert time.monotonic() < deadline, "a sequencer that does nothing"
            time.sleep(0.002)

    def kill(self, pid):
        assert is_alive(pid), "it has ended by itself"
        os.kill(pid, signal.SIGKILL)
        self.wait_for_death(pid)

    def wait_for_death(self, pid):
        deadline = time.monotonic() + 20
        while is_alive(pid):
            assert time.monotonic() < deadline, "it was to die"
            time.sleep(0.002)
        self.alive.discard(pid)
        self.killed.add(pid)

    def stop(self):
        for pid in filter(is_alive, list(self.alive)):
            self.kill(pid)
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def sequencers(hospital, state):
    running = Sequencers(hospital, state)
    yield running
    running.stop()


class Writers:
    """Threads that write events, roll some back and commit some late. ``committed`` are the marks of those that count."""

    def __init__(self, hospital, count=3):
        self.hospital, self.committed, self.done = hospital, [], threading.Event()
        self.threads = [threading.Thread(target=self._write, args=[random.Random(seed)]) for seed in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def _write(self, chance):
        while not self.done.is_set():
            with transaction.atomic():
                mark = uuid4()
                record(event=Event(action="kill.write", agent=Agent(), hospitals=[self.hospital.id], subjects={"mark": mark}))
                if chance.random() < 0.2:
                    transaction.set_rollback(True)
                    continue
                if chance.random() < 0.2:
                    self.done.wait(chance.random() / 50)  # after events with larger ids
            self.committed.append(str(mark))
            self.done.wait(0.002)
        connection.close()


def check(hospital, committed):
    """Nothing lost, doubled or out of place; the tree is that of its leaves; every checkpoint is true; signing goes on."""
    while integrate(hospital.id):
        pass
    sign_checkpoint(hospital.log.id)
    assert sorted(leaf["subjects"]["mark"] for leaf in hospital.leaves()) == sorted(committed), "leaves() has looked for gaps"
    tree = Range(hospital.log.size, [bytes(digest) for digest in hospital.log.frontier])
    assert tree.root() == root_by_the_book(hospital.hashes())
    ((_, count, findings),) = verify_logs(hospital.log.id)
    assert (count, findings) == (len(committed), [])
    assert last_published(hospital.log.id) == (len(committed), tree.root())
    assert [code for code, log in status().problems if log == hospital.log.id] == []


@pytest.mark.parametrize("die_after", [False, True])
def test_killed_at_every_statement(hospital, sequencers, die_after):
    with Writers(hospital) as writers:
        for statement in range(STATEMENTS):
            other = sequencers.start()
            dying = sequencers.start(die_at=statement, die_after=die_after)
            sequencers.wait_for_death(dying)
            sequencers.kill(other)
    made = sequencers.committed()
    dying = sorted(sequencers.killed)
    assert sum(made[pid] > 0 for pid in dying) >= STATEMENTS, "those that died at a statement had all committed a batch before"
    check(hospital, writers.committed)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_killed_at_random_moments(hospital, sequencers):
    chance = random.Random()
    with Writers(hospital) as writers:
        pids = [sequencers.start(), sequencers.start()]
        for _ in range(ROUNDS):
            which = chance.randrange(2)
            sequencers.wait_for_progress(pids[which])
            time.sleep(chance.random() / 20)
            sequencers.kill(pids[which])
            pids[which] = sequencers.start(batch=chance.choice([1, 3, 7, 300]))
    made = sequencers.committed()
    assert len(sequencers.killed) >= ROUNDS
    assert all(made[pid] for pid in sequencers.killed), "a killed sequencer that had done nothing has lost nothing"
    assert Checkpoint.objects.filter(log=hospital.log.id).count() > ROUNDS / 10, "signing was killed too"
    check(hospital, writers.committed)
