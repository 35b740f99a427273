"""Every table of the log, changed in every way, by somebody who owns the database and the signing key: ``wardline-verify`` says
*tampered*; and *incomplete* where a stored inner hash is gone, which takes no event away (the export that would show it breaks off), or a
personal value, which no event says was erased.

The auditor holds the newest checkpoint from before. The intruder is a superuser who takes the guards away, clears away what was published,
goes on writing, and signs whatever the tables say now; what does not fit he leaves out. What the auditor is given then are three exports:
the whole log, one that shows leaf hashes alone, and one that shows subtrees alone. The tables are the database's own list: a new one is in
the matrix or has its reason in ``BESIDE``.
"""

import hashlib
import json
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import chain
from secrets import token_bytes

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit import sequencer
from audit.checkpoints import sign_checkpoint, verifier_keys
from audit.cosigned import shown_checkpoint
from audit.events import Agent, Event
from audit.exports import bundle
from audit.exports.rows import page
from audit.exports.wanted import Wanted
from audit.leaves import leaf_of
from audit.models import Log
from audit.sequencer import integrate
from audit.services import record
from backend.roles import APPEND_ONLY
from tests.audit.conftest import Hospital
from tests.audit.signed import Signer
from wardline_verify.bundle import Verdict
from wardline_verify.cli import main

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = ["audit_event", "audit_leaf", "audit_node", "audit_checkpoint", "audit_cosignature", "audit_log", "audit_opening"]
# What no checkpoint is over, and who finds it out.
BESIDE = {
    "audit_pending": "what has no place yet; an event that somebody took off the queue is audit_verify's misplaced_event (test_commands)",
    "audit_index": "chooses what a filter shows; what it leaves out shows as withheld (below), and the whole log has it",
    "audit_witness": "whom to ask next; what counts are the cosignatures (test_witnessing)",
    "audit_export": "how far a file is; the file itself is judged, as every export here",
    "audit_review": "all that is in a review is in its event's leaf (test_reading)",
}
FALSE = leaf_of(Event(action="beds.hold", agent=Agent(), detail={"number": 1_000_000})).content
NOTHING = Wanted(actions=("no.such",))
WITNESS = Signer("witness.example", kind=4)

OF_LEAF = "FROM audit_leaf WHERE audit_leaf.event = audit_event.id AND log = %(log)s AND leaf_index"
CELLS = {
    ("audit_event", "update"): [f"UPDATE audit_event SET leaf = %(false)s {OF_LEAF} = 100"],
    ("audit_event", "delete"): [f"DELETE FROM audit_event USING audit_leaf {OF_LEAF[16:]} = 100"],
    # An event of its own, put into the past: those that follow move up.
    ("audit_event", "insert"): [
        "UPDATE audit_leaf SET leaf_index = leaf_index + 100000 WHERE log = %(log)s AND leaf_index >= 100",
        "UPDATE audit_leaf SET leaf_index = leaf_index - 99999 WHERE log = %(log)s AND leaf_index >= 100000",
        """WITH new AS (INSERT INTO audit_event (leaf) VALUES (%(false)s) RETURNING id)
        INSERT INTO audit_leaf SELECT %(log)s, 100, id, sha256('\\x00'::bytea || %(false)s) FROM new""",
    ],
    ("audit_event", "swap"): [
        """UPDATE audit_event SET leaf = other.leaf FROM audit_leaf here, audit_leaf there, audit_event other
        WHERE here.event = audit_event.id AND here.log = %(log)s AND here.leaf_index IN (100, 101)
            AND there.event = other.id AND there.log = %(log)s AND there.leaf_index = 201 - here.leaf_index"""
    ],
    ("audit_leaf", "update"): ["UPDATE audit_leaf SET leaf_hash = sha256('') WHERE log = %(log)s AND leaf_index = 100"],
    ("audit_leaf", "delete"): ["DELETE FROM audit_leaf WHERE log = %(log)s AND leaf_index = 100"],
    # Where the next event belongs.
    ("audit_leaf", "insert"): [
        """WITH new AS (INSERT INTO audit_event (leaf) VALUES (%(false)s) RETURNING id)
        INSERT INTO audit_leaf SELECT %(log)s, 600, id, sha256('\\x00'::bytea || %(false)s) FROM new"""
    ],
    ("audit_leaf", "swap"): [
        "UPDATE audit_leaf SET leaf_index = leaf_index + 100000 WHERE log = %(log)s AND leaf_index IN (100, 101)",
        "UPDATE audit_leaf SET leaf_index = 100201 - leaf_index WHERE log = %(log)s AND leaf_index > 100000",
    ],
    ("audit_node", "update"): ["UPDATE audit_node SET node_hash = sha256('') WHERE log = %(log)s AND node_index = 0"],
    ("audit_node", "delete"): ["DELETE FROM audit_node WHERE log = %(log)s AND node_index = 0"],
    ("audit_node", "insert"): ["INSERT INTO audit_node VALUES (%(log)s, 1, 2, sha256(''))"],
    ("audit_node", "swap"): [
        "UPDATE audit_node SET node_index = node_index + 10 WHERE log = %(log)s",
        "UPDATE audit_node SET node_index = 11 - node_index WHERE log = %(log)s",
    ],
    ("audit_checkpoint", "update"): [r"UPDATE audit_checkpoint SET note = replace(note, E'\n600\n', E'\n599\n') WHERE log = %(log)s"],
    ("audit_checkpoint", "delete"): ["DELETE FROM audit_checkpoint WHERE log = %(log)s AND size = 600"],
    ("audit_checkpoint", "insert"): [
        r"INSERT INTO audit_checkpoint SELECT log, 10000, root, replace(note, E'\n600\n', E'\n10000\n') FROM audit_checkpoint "
        "WHERE log = %(log)s AND size = 600"
    ],
    ("audit_checkpoint", "swap"): [
        "UPDATE audit_checkpoint SET note = other.note FROM audit_checkpoint other WHERE audit_checkpoint.log = %(log)s "
        "AND other.log = %(log)s AND other.size <> audit_checkpoint.size"
    ],
    ("audit_cosignature", "update"): ["UPDATE audit_cosignature SET line = %(line)s WHERE log = %(log)s"],
    ("audit_cosignature", "delete"): ["DELETE FROM audit_cosignature WHERE log = %(log)s"],
    ("audit_cosignature", "insert"): ["INSERT INTO audit_cosignature VALUES (%(log)s, 600, 'another', %(line)s)"],
    ("audit_cosignature", "swap"): [
        "UPDATE audit_cosignature SET line = other.line FROM audit_cosignature other WHERE audit_cosignature.log = %(log)s "
        "AND other.log = %(log)s AND other.size <> audit_cosignature.size"
    ],
    ("audit_opening", "update"): ["UPDATE audit_opening SET value = '{}' WHERE commitment = %(opening)s"],
    ("audit_opening", "delete"): ["DELETE FROM audit_opening WHERE commitment = %(opening)s"],
    # In its place: one that no leaf commits to is shown to nobody.
    ("audit_opening", "insert"): [
        "DELETE FROM audit_opening WHERE commitment = %(opening)s",
        "INSERT INTO audit_opening SELECT %(opening)s, subject, field, salt, value, made_at FROM audit_opening "
        "WHERE subject = %(log)s AND commitment <> %(opening)s",
    ],
    ("audit_opening", "swap"): [
        "UPDATE audit_opening SET value = other.value FROM audit_opening other WHERE audit_opening.subject = %(log)s "
        "AND other.subject = %(log)s AND other.commitment <> audit_opening.commitment"
    ],
    ("audit_log", "update"): ["UPDATE audit_log SET frontier = frontier[2:] || frontier[1:1] WHERE id = %(log)s"],
    # A log that is gone begins anew with the next event.
    ("audit_log", "delete"): ["DELETE FROM audit_log WHERE id = %(log)s"],
    # A second one in its place.
    ("audit_log", "insert"): [
        "UPDATE audit_log SET hospital = gen_random_uuid() WHERE id = %(log)s",
        "INSERT INTO audit_log (hospital) VALUES (%(hospital)s)",
    ],
    ("audit_log", "swap"): [
        "UPDATE audit_log SET hospital = gen_random_uuid() WHERE id = %(log)s",
        "UPDATE audit_log SET hospital = %(hospital)s WHERE id = %(other)s",
    ],
}
# Of these the sequencer takes no notice; the intruder does not sign on, for his signature would hide nothing.
KEEPS_STILL = {"audit_checkpoint", "audit_cosignature", "audit_opening"}
INCOMPLETE = {("audit_node", "delete"): ("subtrees", ["cut_off"]), ("audit_opening", "delete"): ("whole", ["openings_missing"])}


class Case:
    """A log of 600 events with checkpoints at 300 and 600, both cosigned, and the auditor who saved the second."""

    def __init__(self, hospital, folder, monkeypatch):
        self.hospital, self.folder, self.monkeypatch = hospital, folder, monkeypatch
        for events in (300, 298):
            hospital.writes(events)
            if events == 298:
                self.openings = [self.acts_by_name(name) for name in ("Adler", "Brandt")]
            note = hospital.publishes()
            self.cosigned(note)
        self.log = hospital.log.id
        self.saved = folder / "saved"
        self.saved.write_text(note + WITNESS.line(note.rpartition("\n\n")[0] + "\n"))
        self.policy = folder / "auditor.policy"
        self.policy.write_text(f"log {verifier_keys([self.log])[self.log]}\nwitness w {WITNESS.verifier_key}\nquorum w\n")

    def acts_by_name(self, name):
        """An event of somebody whose name stands beside the log; its commitment."""
        salt, value = token_bytes(32), json.dumps({"name": name, "title": "", "profession": "physician"})
        commitment = hashlib.sha256(b"wardline-audit/1 opening\0agent\0" + salt + value.encode()).digest()
        with transaction.atomic(), connection.cursor() as cursor:
            statement = "INSERT INTO audit_opening (commitment, subject, field, salt, value) VALUES (%s, %s, 'agent', %s, %s)"
            cursor.execute(statement, [commitment, self.hospital.log.id, salt, value])
            agent = Agent(hospital=self.hospital.id, snapshot=commitment)
            record(event=Event(action="beds.hold", agent=agent, hospitals=[self.hospital.id]))
        return commitment

    def cosigned(self, note):
        body = note.rpartition("\n\n")[0] + "\n"
        statement = "INSERT INTO audit_cosignature (log, size, witness, line) VALUES (%s, %s, 'witness', %s)"
        with connection.cursor() as cursor:
            cursor.execute(statement, [self.hospital.log.id, int(note.split("\n")[1]), WITNESS.line(body)])

    def tampered(self, statements):
        other = Hospital()
        other.writes(600)
        other.publishes()
        line = WITNESS.line("something else\n")
        given = {"log": self.log, "hospital": self.hospital.id, "other": other.log.id, "false": FALSE, "line": line}
        given["opening"] = self.openings[0]
        with unguarded() as cursor:
            for statement in statements:
                cursor.execute(statement, given)
                assert cursor.rowcount > 0

    def goes_on(self):
        """As the intruder has it: nothing published, no comparison before signing, no complaint about what is there already."""
        for note in (self.folder / "published-checkpoints").glob("*.note"):
            note.unlink()
        for name in ("_LEAVES", "_NODES"):
            self.monkeypatch.setattr(f"audit.sequencer.{name}", getattr(sequencer, name) + " ON CONFLICT DO NOTHING")
        self.monkeypatch.setattr("audit.checkpoints._refuse_fork", lambda *_: None)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM audit_pending WHERE hospital = %s", [self.hospital.id])
        self.hospital.writes(200)
        while integrate(self.hospital.id):
            pass
        self.cosigned(sign_checkpoint(self.hospital.log.id))

    def verdicts(self, capsys):
        """What ``wardline-verify`` says of each export."""
        log = Log.objects.get(hospital=self.hospital.id)
        checkpoint = shown_checkpoint(log.id)
        given = {"log": log.id, "hospital": log.hospital, "note": checkpoint.note}
        size = checkpoint.size
        withheld = bundle.head(**given, wanted=NOTHING)
        exports = {
            "whole": lambda: bundle.whole(**given, size=size),
            "leaf hashes": lambda: [withheld, bundle.leaves(page(log.id, 0, size, NOTHING, with_others=True)), bundle.end(size)],
            "subtrees": lambda: chain([withheld], bundle.subtrees(log.id, 0, size), [bundle.end(size)]),
        }
        return {name: self.judged(export(), capsys) for name, export in exports.items()}

    def judged(self, pieces, capsys):
        with (self.folder / "bundle").open("wb") as file, suppress(ValueError):  # where something is missing the export breaks off
            file.writelines(pieces)
        capsys.readouterr()
        code = main([str(self.folder / "bundle"), "--policy", str(self.policy), "--saved", str(self.saved), "--json"])
        return Verdict(code), json.loads(capsys.readouterr().out)["codes"]


@contextmanager
def unguarded():
    """A superuser's transaction with every trigger of the log's tables off, and on again after it."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        yield cursor
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
            if table in APPEND_ONLY:
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")


@pytest.fixture
def case(hospital, state, monkeypatch):
    made = Case(hospital, state, monkeypatch)
    yield made
    with unguarded() as cursor:  # nothing of it is left for the tests that follow
        for table in ("audit_cosignature", "audit_checkpoint", "audit_node", "audit_leaf", "audit_witness"):
            cursor.execute(
                f"DELETE FROM {table} WHERE log = %s OR log IN (SELECT id FROM audit_log WHERE hospital = %s)", [made.log, hospital.id]
            )
        cursor.execute("DELETE FROM audit_opening WHERE subject = %s", [made.log])
        cursor.execute("DELETE FROM audit_pending WHERE hospital = %s", [hospital.id])
        cursor.execute("DELETE FROM audit_log WHERE id = %s OR hospital = %s", [made.log, hospital.id])


def test_the_matrix_has_every_cell_of_every_table():
    assert set(CELLS) == {(table, way) for table in TABLES for way in ("update", "delete", "insert", "swap")}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND starts_with(tablename, 'audit_')")
        there = {table for (table,) in cursor.fetchall()}
    assert there == {*TABLES, *BESIDE}
    assert {table for table in APPEND_ONLY if table.startswith("audit_")} - {*TABLES} == {"audit_review"}


@pytest.mark.parametrize("does_go_on", [False, True])
def test_untouched_there_is_nothing_to_find(case, capsys, does_go_on):
    """The control: the same auditor, the same exports, the same unguarded signing."""
    if does_go_on:
        case.goes_on()
    found = case.verdicts(capsys)
    assert found["whole"] == (Verdict.INTACT, [])
    assert [verdict for verdict, codes in found.values()] == [Verdict.INTACT, Verdict.INCOMPLETE, Verdict.INCOMPLETE]
    assert {code for _, codes in found.values() for code in codes} <= {"withheld", "saved_unreachable"}


@pytest.mark.parametrize(("table", "way"), CELLS)
def test_every_cell_is_found(case, capsys, table, way):
    case.tampered(CELLS[table, way])
    if table not in KEEPS_STILL:
        case.goes_on()
    found = case.verdicts(capsys)
    if (table, way) in INCOMPLETE:
        which, codes = INCOMPLETE[table, way]
        assert found[which] == (Verdict.INCOMPLETE, codes)
        assert found["whole"][0] in (Verdict.INTACT, Verdict.INCOMPLETE)
    else:
        assert Verdict.TAMPERED in {verdict for verdict, _ in found.values()}, found


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_index SET action = 'beds.other' WHERE event = %(event)s",
        "DELETE FROM audit_index WHERE event = %(event)s",
        "UPDATE audit_index SET at = at - interval '1 year' WHERE event = %(event)s",
    ],
)
def test_the_index_can_hide_an_event_from_a_filter_and_not_that_one_is_hidden(case, capsys, statement):
    wanted = Wanted(actions=("beds.hold",)) if "at = " not in statement else Wanted(since=timezone.now() - timedelta(days=1))
    given = {"log": case.log, "hospital": case.hospital.id, "note": shown_checkpoint(case.log).note}

    def filtered():
        rows = page(case.log, 0, 600, wanted, with_others=True)
        return case.judged([bundle.head(**given, wanted=wanted), bundle.leaves(rows), bundle.end(600)], capsys)

    assert filtered() == (Verdict.INTACT, []), "nothing is left out: all are what was asked for"
    event = case.hospital.log.leaves.get(leaf_index=100).event_id
    with unguarded() as cursor:
        cursor.execute(statement, {"event": event})
        assert cursor.rowcount == 1

    assert filtered() == (Verdict.INCOMPLETE, ["withheld"])
    assert case.verdicts(capsys)["whole"] == (Verdict.INTACT, [])
