"""Sequencing: contiguous, complete, once, whoever races whom."""

import random
import threading
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from audit import merkle, tree
from audit.checkpoints import sign_checkpoint
from audit.events import Agent, Event
from audit.merkle import Range
from audit.models import Pending
from audit.sequencer import MissingEvent, integrate, integrate_all
from audit.services import record
from audit.tasks import integrate_audit
from tests.audit.test_merkle import root_by_the_book

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_hospital_gets_its_log_with_its_first_event(hospital):
    hospital.writes(3)
    assert integrate(hospital.id) == 3

    assert [leaf["detail"]["number"] for leaf in hospital.leaves()] == [0, 1, 2]
    assert not Pending.objects.filter(hospital=hospital.id).exists()
    assert Range(hospital.log.size, [bytes(digest) for digest in hospital.log.frontier]).root() == root_by_the_book(hospital.hashes())


def test_costs_the_same_statements_for_one_event_and_for_hundreds(hospital, django_assert_num_queries):
    hospital.writes(1)
    integrate(hospital.id)
    for count in (1, 200):
        hospital.writes(count)
        with django_assert_num_queries(7):  # BEGIN, lock, tree, take, leaves, grow, COMMIT
            integrate(hospital.id)


def test_works_in_batches_and_idles_when_there_is_nothing(hospital):
    hospital.writes(10)

    assert [integrate(hospital.id, batch=4) for _ in range(4)] == [4, 4, 2, 0]
    assert len(hospital.leaves()) == 10


def test_an_event_that_commits_late_is_not_lost(hospital):
    started, go_on = threading.Event(), threading.Event()

    def late():
        with transaction.atomic():
            record(event=Event(action="beds.hold", agent=Agent(), hospitals=[hospital.id], detail={"number": -1}))
            started.set()
            go_on.wait(10)
        connection.close()

    thread = threading.Thread(target=late)
    thread.start()
    started.wait(10)
    hospital.writes(2)
    integrate(hospital.id)
    assert [leaf["detail"]["number"] for leaf in hospital.leaves()] == [0, 1]

    go_on.set()
    thread.join()
    integrate(hospital.id)
    assert [leaf["detail"]["number"] for leaf in hospital.leaves()] == [0, 1, -1]


def test_a_sequencer_leaves_a_log_to_the_one_that_is_at_it(hospital):
    hospital.writes(1)
    results = []

    def second():
        results.append(integrate(hospital.id))
        connection.close()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('wardline.audit.' || %s::text, 0))", [hospital.id])
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()

    assert results == [0]
    assert integrate(hospital.id) == 1


@pytest.mark.race
def test_two_sequencers_and_live_writers_lose_and_repeat_nothing(hospital):
    committed, done, progress = [], threading.Event(), [0, 0]

    def writer(seed):
        chance = random.Random(seed)
        for number in range(60):
            with transaction.atomic():
                mark = uuid4()
                record(event=Event(action="race.write", agent=Agent(), hospitals=[hospital.id], subjects={"mark": mark}))
                if chance.random() < 0.3:
                    transaction.set_rollback(True)
                    continue
                if number % 5 == 0:
                    done.wait(chance.random() / 50)  # commits late, after events with larger ids
            committed.append(str(mark))
        connection.close()

    def sequencer(which):
        while not done.is_set():
            progress[which] += integrate(hospital.id, batch=3)
            done.wait(0.002)
        connection.close()

    writers = [threading.Thread(target=writer, args=[seed]) for seed in range(4)]
    sequencers = [threading.Thread(target=sequencer, args=[which]) for which in range(2)]
    for thread in writers + sequencers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sequencers:
        thread.join()
    while integrate(hospital.id):
        pass

    assert all(progress), "a sequencer that did nothing has raced nobody"
    assert sorted(leaf["subjects"]["mark"] for leaf in hospital.leaves()) == sorted(committed)
    assert tree.range_at(hospital.log.id, len(committed)).root() == root_by_the_book(hospital.hashes())


def test_a_removed_event_stops_its_log_and_no_other(hospital, tamper):
    hospital.writes(2)
    event = Pending.objects.filter(hospital=hospital.id).order_by("event")[0].event
    tamper("DELETE FROM audit_event WHERE id = %s", [event])
    other = uuid4()
    with transaction.atomic():
        record(event=Event(action="beds.hold", agent=Agent(), hospitals=[other]))

    with pytest.raises(MissingEvent):
        integrate_all()

    assert Pending.objects.filter(hospital=hospital.id).count() == 2
    assert not Pending.objects.filter(hospital=other).exists()


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
def test_the_stored_tree_gives_every_past_root_and_its_proofs(hospital, size):
    hospital.writes(size)
    while integrate(hospital.id, batch=100):
        pass
    log, hashes = hospital.log.id, hospital.hashes()

    for past in {0, 1, size // 2, size - 1, size}:
        old_root, new_root = root_by_the_book(hashes[:past]), root_by_the_book(hashes)
        assert tree.range_at(log, past).root() == old_root
        proof = merkle.consistency_proof(lambda height, index: tree.subtree(log, height, index), past, size)
        assert merkle.verify_consistency(old=past, new=size, old_root=old_root, new_root=new_root, proof=proof)
    with pytest.raises(ValueError, match="of"):
        tree.range_at(log, size + 1)


def test_the_task_and_the_command_sequence_and_sign(hospital, capsys):
    hospital.writes(2)
    integrate_audit()
    assert hospital.log.checkpoints.get().size == 2

    hospital.writes(3)
    call_command("audit_sequence")
    assert sorted(hospital.log.checkpoints.values_list("size", flat=True)) == [2, 5]
    assert "leaves" in capsys.readouterr().out


def test_inside_somebodys_transaction_nothing_is_sequenced_and_nothing_signed(hospital):
    """What may yet roll back must not be in a signed tree."""
    hospital.writes(1)
    hospital.publishes()
    hospital.writes(1)
    for act, subject in ((integrate, hospital.id), (sign_checkpoint, hospital.log.id)):
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
            act(subject)
    assert len(hospital.leaves()) == 1
