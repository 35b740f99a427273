"""``audit_status`` and ``audit_verify``: silent about what is well, and the right word for everything that is not."""

import dataclasses
import json
import tracemalloc
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from audit.events import Agent, Event
from audit.leaves import leaf_of
from audit.sequencer import integrate
from audit.services import record
from audit.status import status
from audit.verification import verify_logs
from tests.audit.conftest import Hospital

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def said(capsys):
    """Run a command: ``(exit code, what it printed)``."""

    def run(*words):
        try:
            call_command(*words)
            code = 0
        except SystemExit as done:
            code = done.code
        return code, capsys.readouterr().out

    return run


def problems(hospital):
    return {code for code, log in status().problems if log == hospital.log.id}


def problems_of_all():
    """What concerns all logs; but for the tests' own role, which owns the tables (``test_roles`` asks as the service's)."""
    return {code for code, log in status().problems if log is None} - {"one_role"}


def findings(hospital):
    ((_, _, found),) = verify_logs(hospital.log.id)
    return {finding.code for finding in found}


def aged(hospital, seconds):
    """The clock has gone on since the hospital's events were written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_index SET at = at - %s * interval '1 second' WHERE hospitals = ARRAY[%s]::uuid[]", [seconds, hospital.id]
        )


class TestStatus:
    def test_a_signed_log_has_no_problem(self, hospital):
        hospital.writes(3)
        hospital.publishes()
        aged(hospital, 60)
        assert problems(hospital) == set()
        (log,) = [log for log in status().logs if log.id == hospital.log.id]
        assert (log.size, log.signed, log.published) == (3, 3, 3)

    def test_what_waits_for_nobody(self, hospital):
        hospital.writes(3)
        before = status().pending
        assert before >= 3
        aged(hospital, 60)
        with connection.cursor() as cursor:  # those of other tests that nobody sequenced
            cursor.execute("DELETE FROM audit_pending WHERE hospital <> %s", [hospital.id])
        assert problems_of_all() == {"unsequenced"}
        assert 60 <= status().oldest_seconds < 90
        integrate(hospital.id)
        assert problems_of_all() == set()

    def test_a_log_that_nobody_signs(self, hospital):
        hospital.writes(2)
        hospital.publishes()
        hospital.writes(1)
        integrate(hospital.id)
        assert problems(hospital) == set(), "the worker may still come"
        aged(hospital, 60)
        assert problems(hospital) == {"unsigned"}

    def test_a_database_behind_what_was_published(self, hospital, tamper):
        hospital.writes(2)
        hospital.publishes()
        tamper("UPDATE audit_log SET size = 1 WHERE id = %s", [hospital.log.id])
        assert "set_back" in problems(hospital)

    def test_no_key(self, settings):
        settings.MODE = "production"
        assert ("no_key", None) in status().problems

    def test_costs_the_same_for_one_log_and_for_many(self, django_assert_num_queries):
        for _ in range(3):
            each = Hospital()
            each.writes(1)
            each.publishes()
            with django_assert_num_queries(3):
                status()

    def test_the_exit_code_says_whether_a_person_is_needed(self, said, hospital, tamper):
        hospital.writes(2)
        hospital.publishes()
        tamper("UPDATE audit_log SET size = 1 WHERE id = %s", [hospital.log.id])

        code, text = said("audit_status")
        assert (code, f"! {hospital.log.id}: set_back. Less is in" in text) == (1, True)
        code, facts = said("audit_status", "--json")
        assert code == 1
        assert {"code": "set_back", "log": str(hospital.log.id)} in json.loads(facts)["problems"]

    def test_all_is_well(self, said, monkeypatch):
        found = status()
        found = dataclasses.replace(found, pending=0, oldest_seconds=0.0, is_append_only=True, logs=[], witnesses=[])
        monkeypatch.setattr("audit.management.commands.audit_status.status", lambda: found)
        lines = "waiting: 0 events, the oldest for 0 s\nthe service's role can only add to the logs\nall is well\n"
        assert said("audit_status") == (0, lines)


LEAF = "FROM audit_leaf WHERE audit_leaf.event = audit_event.id AND leaf_index = 300 AND log = %s"


class TestVerify:
    @pytest.fixture
    def log(self, hospital):
        hospital.writes(200)
        hospital.publishes()
        hospital.writes(400)
        hospital.publishes()
        return hospital.log.id

    def test_an_untouched_log_has_no_finding(self, said, hospital, log):
        hospital.writes(3)  # what waits is no fault
        assert findings(hospital) == set()
        assert said("audit_verify", "--log", str(log)) == (0, f"log {log}: 600 leaves recomputed, 0 findings\n")

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            (f"UPDATE audit_event SET leaf = leaf || ' ' {LEAF}", {"leaf_differs", "node_differs", "frontier_differs"}),
            (f"DELETE FROM audit_event USING audit_leaf {LEAF[16:]}", {"event_missing"}),
            ("DELETE FROM audit_leaf WHERE leaf_index = 300 AND log = %s", {"gap", "size_differs"}),
            ("UPDATE audit_leaf SET leaf_hash = sha256('') WHERE leaf_index = 300 AND log = %s", {"leaf_differs"}),
            ("UPDATE audit_node SET node_hash = sha256('') WHERE node_index = 1 AND log = %s", {"node_differs"}),
            ("DELETE FROM audit_node WHERE node_index = 0 AND log = %s", {"node_differs", "nodes_too_many"}),
            ("INSERT INTO audit_node SELECT id, 1, 9, sha256('') FROM audit_log WHERE id = %s", {"nodes_too_many"}),
            ("UPDATE audit_checkpoint SET root = sha256('') WHERE size = 200 AND log = %s", {"checkpoint_differs"}),
            (
                r"UPDATE audit_checkpoint SET note = replace(note, E'\n200\n', E'\n20\n') WHERE size = 200 AND log = %s",
                {"checkpoint_differs"},
            ),
            (
                "UPDATE audit_checkpoint SET note = overlay(note placing 'AAAA' from length(note) - 20) WHERE size = 600 AND log = %s",
                {"checkpoint_unsigned"},
            ),
            ("INSERT INTO audit_checkpoint SELECT id, 601, sha256(''), '' FROM audit_log WHERE id = %s", {"checkpoint_ahead"}),
            ("UPDATE audit_log SET size = 599 WHERE id = %s", {"size_differs"}),
            ("UPDATE audit_log SET frontier = frontier[2:] WHERE id = %s", {"frontier_differs"}),
        ],
    )
    def test_every_hand_on_the_tables_has_its_word(self, said, hospital, log, tamper, statement, expected):
        tamper(statement, [log])
        assert findings(hospital) >= expected
        code, text = said("audit_verify", "--log", str(log))
        assert code == 1
        assert all(f": {word}: " in text for word in expected)
        assert json.loads(said("audit_verify", "--log", str(log), "--json")[1])["findings"]

    def test_a_database_behind_or_beside_what_was_published(self, hospital, log, state):
        note = state / "published-checkpoints" / f"{log}.note"
        text = note.read_text()
        note.write_text(text.replace("\n600\n", "\n601\n"))
        assert findings(hospital) == {"published_ahead"}
        note.write_text(text.replace("\n600\n", "\n599\n"))
        assert findings(hospital) == {"published_differs"}

    def test_a_leaf_that_belongs_elsewhere(self, hospital, log, tamper):
        foreign = leaf_of(Event(action="beds.hold", agent=Agent(), hospitals=[uuid4()])).content
        tamper(f"UPDATE audit_event SET leaf = decode('{foreign.hex()}', 'hex') {LEAF}", [log])
        integrate(hospital.id)
        assert "leaf_differs" in findings(hospital)
        tamper("UPDATE audit_leaf SET leaf_hash = sha256('\\x00'::bytea || leaf) FROM audit_event WHERE id = event AND log = %s", [log])
        assert "foreign_event" in findings(hospital)

    def test_an_event_that_somebody_took_off_one_of_its_two_queues(self, hospital):
        other = uuid4()
        with transaction.atomic():
            record(event=Event(action="beds.hold", agent=Agent(), hospitals=[hospital.id, other]))
        with connection.cursor() as cursor:
            cursor.execute("SELECT event FROM audit_pending WHERE hospital = %s", [other])
            event = cursor.fetchone()[0]
        assert event not in misplaced()
        integrate(hospital.id)
        assert event not in misplaced(), "in one log, waiting for the other"
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM audit_pending WHERE hospital = %s", [other])
        assert event in misplaced()

    def test_memory_does_not_grow_with_the_log(self, hospital, monkeypatch):
        monkeypatch.setattr("audit.verification.PAGE", 100)
        hospital.writes(300)
        hospital.publishes()
        before = peak(hospital)
        hospital.writes(2700)
        hospital.publishes()
        assert peak(hospital) < 1.3 * before


class TestSequence:
    def test_says_what_it_did(self, said, hospital):
        hospital.writes(2)
        code, text = said("audit_sequence", "--json")
        facts = json.loads(text)
        assert (code, facts["problems"]) == (0, [])
        assert facts["leaves"] >= 2
        assert said("audit_sequence") == (0, "0 leaves, 0 checkpoints\n")

    def test_one_broken_log_is_named_and_the_others_are_done(self, said, hospital, state):
        hospital.writes(1)
        hospital.publishes()
        (state / "published-checkpoints" / f"{hospital.log.id}.note").write_text("")
        other = Hospital()
        for each in (hospital, other):
            each.writes(1)

        code, text = said("audit_sequence", "--json")

        assert code == 1
        assert f"{hospital.log.id}.note cannot be read" in json.loads(text)["problems"][0]
        assert other.log.checkpoints.filter(size=1).exists()
        assert said("audit_sequence")[0] == 1, "until a person has looked"

    def test_watching_goes_on_whatever_one_log_does(self, hospital, state, monkeypatch):
        hospital.writes(1)
        hospital.publishes()
        (state / "published-checkpoints" / f"{hospital.log.id}.note").write_text("")
        rounds = []

        def look_again(seconds):
            rounds.append(seconds)
            hospital.writes(1)
            if len(rounds) == 3:
                raise KeyboardInterrupt

        monkeypatch.setattr("time.sleep", look_again)
        with pytest.raises(KeyboardInterrupt):
            call_command("audit_sequence", "--watch", "--interval", "0.5")
        assert (rounds, hospital.log.size) == ([0.5] * 3, 3)


def misplaced():
    *_, (log, _, found) = verify_logs()
    assert log is None
    return {finding.at for finding in found if finding.code == "misplaced_event"}


def peak(hospital):
    """Bytes at the highest point of a verification, after a first one that fills every cache."""
    list(verify_logs(hospital.log.id))
    tracemalloc.start()
    ((_, count, found),) = verify_logs(hospital.log.id)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, found) == (hospital.log.size, [])
    return highest
