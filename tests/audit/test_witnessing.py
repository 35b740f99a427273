"""The service and its witnesses: cosignatures come, are checked and shown; what goes wrong is seen, alarmed, and keeps nobody waiting."""

import json
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from audit import witnessing
from audit.checkpoints import origin_of, sign_checkpoints, verifier_keys
from audit.models import Cosignature
from audit.policy import Policy, read_policy
from audit.sequencer import integrate
from audit.status import status, witness_status
from audit.witnessing import gather
from tests.audit.conftest import Hospital
from tests.audit.people import Somebody, make_hospital
from tests.audit.signed import Signer
from tests.audit.test_merkle import root_by_the_book
from tests.audit.witnesses import Configured, InThread
from wardline_verify.bundle import Verdict
from wardline_verify.cli import main

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def config(hospital, state):
    """A witness that knows the hospital's log, of which three leaves are signed."""
    hospital.writes(3)
    hospital.publishes()
    folder = state / "witness"
    folder.mkdir()
    return Configured.make(folder, [verifier_keys([hospital.log.id])[hospital.log.id]])


@pytest.fixture
def policy(config, settings, state, hospital):
    path = state / "policy"
    key = verifier_keys([hospital.log.id])[hospital.log.id]
    path.write_text(f"log {key}\nwitness north {config.key} {config.url}/\nquorum north\n")
    settings.AUDIT_POLICY_FILE = path
    # The database is full of other tests' logs, which this witness does not know: they have been asked about, and wait.
    with connection.cursor() as cursor:
        waits = (
            "INSERT INTO audit_witness (log, witness, next_try_at) SELECT id, %s, now() + interval '1 day' FROM audit_log WHERE id <> %s"
        )
        cursor.execute(waits, [read_policy().witnesses["north"].id, hospital.log.id])
    return path


@pytest.fixture
def witness(config, policy):
    running = InThread(config)
    yield running
    running.stop()


def settle(hospital):
    """Ask until the hospital's log has had its turn: the database is full of other tests' logs, which this witness does not know."""
    for _ in range(30):
        before = row(hospital)
        gather()
        if row(hospital) not in (None, before):
            return seen(hospital)
    raise AssertionError("the log was never asked about")


def row(hospital):
    with connection.cursor() as cursor:
        cursor.execute("SELECT size, problem, failures, cosigned_at FROM audit_witness WHERE log = %s", [hospital.log.id])
        return cursor.fetchone()


def seen(hospital):
    (found,) = [each for each in witness_status() if each.log == hospital.log.id]
    return found


def due(hospital, **columns):
    """Its back-off is over; and what the database knows of the witness is set to ``columns``."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_witness SET next_try_at = now() - interval '1 hour' WHERE log = %s", [hospital.log.id])
        for name, value in columns.items():
            cursor.execute(f"UPDATE audit_witness SET {name} = %s WHERE log = %s", [value, hospital.log.id])


def problems(hospital):
    return {code for code, log in status().problems if log == hospital.log.id}


def grows(hospital, count=4):
    hospital.writes(count)
    return hospital.publishes()


def signed_ago(hospital, seconds):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_checkpoint DISABLE TRIGGER append_only")
        cursor.execute(
            "UPDATE audit_checkpoint SET signed_at = signed_at - %s WHERE log = %s", [timedelta(seconds=seconds), hospital.log.id]
        )
        cursor.execute("ALTER TABLE audit_checkpoint ENABLE ALWAYS TRIGGER append_only")


def test_every_new_checkpoint_is_cosigned_and_shown_with_it(client, hospital, witness, config):
    for size in (3, 7, 300):
        if size > 3:
            grows(hospital, size - hospital.log.size)
        assert settle(hospital).state == "current"
        note = client.get(f"/audit/logs/{hospital.log.id}/checkpoint").content.decode()
        assert note.split("\n")[1] == str(size)
        assert note.count("\u2014 ") == 2
        assert Policy.parse(f"witness w {config.key}\nquorum w").is_met(
            set(Cosignature.objects.filter(size=size).values_list("witness", flat=True))
        )
    assert problems(hospital) == set()


def test_the_export_satisfies_a_verifier_that_asks_for_the_witness(hospital, witness, policy, state, capsys):
    settle(hospital)
    bundle = state / "bundle"
    registrar = Somebody(make_hospital(hospital.id), is_registrar=True)

    def judged():
        bundle.write_bytes(b"".join(registrar.get("/api/v1/audit/export").streaming_content))
        capsys.readouterr()
        code = main([str(bundle), "--policy", str(policy), "--json"])
        return Verdict(code), json.loads(capsys.readouterr().out)["codes"]

    assert judged() == (Verdict.INTACT, [])
    grows(hospital)
    assert judged() == (Verdict.INTACT, []), "what the witness has not had time for is not shown yet"
    signed_ago(hospital, 61)
    assert judged() == (Verdict.TAMPERED, ["no_quorum"]), "nor held back for ever"
    settle(hospital)
    assert judged() == (Verdict.INTACT, [])


def test_a_witness_that_is_away_keeps_nobody_waiting_and_is_seen(hospital, config, policy, django_assert_num_queries):
    assert settle(hospital).state == "unreachable"
    assert problems(hospital) == set(), "that may pass"
    grows(hospital)
    assert hospital.log.checkpoints.count() == 2
    signed_ago(hospital, 61)
    assert problems(hospital) == {"witness_unreachable"}
    with pytest.raises(SystemExit):
        call_command("audit_status")

    running = InThread(config)
    due(hospital)
    assert settle(hospital).state == "current"
    running.stop()
    assert problems(hospital) == set()


def test_it_backs_off_and_comes_back(hospital, policy):
    waits = []
    for _ in range(12):
        settle(hospital)
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM next_try_at - now()) FROM audit_witness WHERE log = %s", [hospital.log.id])
            waits.append(float(cursor.fetchone()[0]))
        due(hospital)
    assert waits[0] <= 1 < waits[3] < waits[6] <= 300
    assert 290 < waits[-1] <= 300


def test_what_a_witness_has_seen_is_asked_of_it_when_this_side_has_forgotten(hospital, witness):
    """A restored database, or an answer that was lost on the way."""
    settle(hospital)
    grows(hospital)
    due(hospital, size=1)
    settle(hospital)
    due(hospital)
    assert settle(hospital).state == "current"


def test_a_lost_answer_for_the_newest_checkpoint_is_asked_for_again(hospital, witness):
    settle(hospital)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_cosignature DISABLE TRIGGER append_only")
        cursor.execute("DELETE FROM audit_cosignature WHERE log = %s", [hospital.log.id])
        cursor.execute("ALTER TABLE audit_cosignature ENABLE ALWAYS TRIGGER append_only")
    due(hospital, cosigned_at=None)
    assert seen(hospital).behind_seconds > 0
    assert settle(hospital).state == "current"


@pytest.fixture
def alarms(caplog):
    return lambda: [record.message for record in caplog.records if record.levelname == "CRITICAL" and record.name == "audit.witnessing"]


def rewritten(hospital, tamper, settings, state, count):
    """The operator starts the log anew under the same key, and clears away what was published."""
    for table in ("audit_cosignature", "audit_checkpoint", "audit_leaf", "audit_node"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE log = %s", [hospital.log.id])
            if cursor.fetchone()[0]:
                tamper(f"DELETE FROM {table} WHERE log = %s", [hospital.log.id])
    tamper("UPDATE audit_log SET size = 0, frontier = '{}' WHERE id = %s", [hospital.log.id])
    (state / "published-checkpoints" / f"{hospital.log.id}.note").unlink()
    hospital.writes(count)
    hospital.publishes()


@pytest.mark.parametrize(("count", "state_seen"), [(5, "fork"), (3, "fork"), (2, "ahead")])
def test_a_rewritten_history_is_an_alarm_and_blocks_nobody(hospital, witness, tamper, settings, state, alarms, count, state_seen):
    """Longer than, as long as, shorter than what the witness has cosigned."""
    settle(hospital)
    rewritten(hospital, tamper, settings, state, count)
    due(hospital)
    settle(hospital)
    if seen(hospital).state != state_seen:
        due(hospital)
        settle(hospital)
    assert seen(hospital).state == state_seen
    assert alarms()[-1] == f"audit.witness_{state_seen}"
    assert problems(hospital) == {f"witness_{state_seen}"}
    assert not Cosignature.objects.filter(log=hospital.log.id).exists()
    assert hospital.publishes(), "signing goes on: what it is worth, verifiers decide"


def test_a_tree_that_is_not_whole_has_no_proof_and_the_other_logs_have(hospital, witness, tamper, alarms):
    settle(hospital)
    grows(hospital)
    tamper("DELETE FROM audit_leaf WHERE log = %s AND leaf_index = 3", [hospital.log.id])
    due(hospital)
    assert settle(hospital).state == "no_proof"
    assert alarms() == ["audit.no_proof"]


@pytest.mark.parametrize(("answer", "problem"), [(403, "unknown_key"), (404, "unknown_log"), (500, "misbehaves"), (302, "misbehaves")])
@pytest.mark.parametrize("body", ["x", ""])
def test_other_answers_have_their_names(hospital, lying, answer, problem, body):
    lying(answer, body)
    assert settle(hospital).state == problem


@pytest.mark.parametrize(
    ("status_code", "body"),
    [
        (200, ""),
        (200, "\u2014 hohenfeld.example/witness AAAA\n"),
        (200, Signer("hohenfeld.example/witness", kind=4).line("x")),
        (409, "x"),
        (409, "-1"),
        (409, "\u0661"),
        (409, "0"),
        (200, "x" * 20_000),
    ],
)
def test_a_witness_that_lies_gets_nothing_into_a_checkpoint(hospital, lying, status_code, body):
    lying(status_code, body)
    assert settle(hospital).state in ("misbehaves", "unreachable")
    assert not Cosignature.objects.filter(log=hospital.log.id).exists()
    assert row(hospital)[0] == 0


@pytest.fixture
def lying(config, policy):
    """Something at the witness's address that says the same to everybody."""
    said = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = said["body"].encode()
            self.send_response(said["status"])
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", config.url)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", config.port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield lambda status_code, body: said.update(status=status_code, body=body)
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_witness_that_says_nothing_costs_seconds(hospital, config, policy, monkeypatch):
    monkeypatch.setattr("audit.asking.READ_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", config.port)):
        started = timezone.now()
        assert settle(hospital).state == "unreachable"
    assert timezone.now() - started < timedelta(seconds=20)


def test_no_request_goes_out_inside_a_transaction(hospital, witness, monkeypatch):
    states = []
    real = witnessing.ask_all

    def watched(url, bodies):
        states.append(in_transaction())
        return real(url, bodies)

    def in_transaction():
        with connection.cursor() as cursor:
            idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"
            cursor.execute(idle + " AND query ~ 'audit_'")
            found = cursor.fetchone()[0]
        connection.close()  # of this thread
        return found

    monkeypatch.setattr("audit.witnessing.ask_all", watched)
    settle(hospital)
    assert states
    assert set(states) == {0}
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        gather()


@pytest.mark.race
def test_two_workers_do_not_ask_twice(hospital, witness, monkeypatch):
    asked, gate = [], threading.Barrier(4)
    real = witnessing.ask_all

    def watched(url, bodies):
        asked.extend(body for body in bodies if origin_of(hospital.log.id).encode() in body)
        connection.close()
        return real(url, bodies)

    monkeypatch.setattr("audit.witnessing.ask_all", watched)

    def work():
        gate.wait()
        for _ in range(10):
            gather()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1
    assert seen(hospital).state == "current"


class TestWitnessesOfTheOwnLog:
    PATH = "/api/v1/audit/witnesses"

    @pytest.fixture
    def registrar(self, hospital):
        return Somebody(make_hospital(hospital.id), is_registrar=True)

    def test_registrars_see_them_and_the_log_says_so(self, hospital, witness, registrar, django_assert_num_queries):
        settle(hospital)
        with django_assert_num_queries(8):  # actor, log, BEGIN, event, COMMIT, witnesses, signed, shown
            answer = registrar.get(self.PATH)
        (found,) = answer.json()["results"]
        assert (answer.json()["signed"], answer.json()["shown"]) == (3, 3)
        assert (found["name"], found["state"], found["size"], found["behind_seconds"]) == ("hohenfeld.example/witness", "current", 3, 0)
        integrate(hospital.id)
        assert hospital.leaves()[-1]["action"] == "audit.read_witnesses"

    def test_nobody_else_does(self, client, hospital, policy, registrar):
        assert client.get(self.PATH).status_code == 401
        assert Somebody(registrar.membership.hospital, is_registrar=False).get(self.PATH).status_code == 403
        elsewhere = Hospital()
        grows(elsewhere)
        other = Somebody(make_hospital(elsewhere.id), is_registrar=True)
        assert str(hospital.log.id) not in other.get(self.PATH).content.decode()

    def test_one_who_has_left_does_not(self, policy, registrar):
        registrar.membership.state, registrar.membership.ended_at = "ended", timezone.now()
        registrar.membership.save()
        assert registrar.get(self.PATH).status_code == 401

    def test_a_log_that_nobody_witnesses(self, hospital, registrar):
        grows(hospital)
        assert registrar.get(self.PATH).json() == {"signed": 4, "shown": 4, "results": []}


def test_measures_have_states_and_no_names(client, hospital, witness):
    settle(hospital)
    text = client.get("/metrics").content.decode()
    assert 'wardline_audit_witnesses{state="current"}' in text
    assert "wardline_audit_witness_behind_seconds" in text
    assert "hohenfeld" not in text


def test_a_broken_policy_takes_nothing_away(client, hospital, policy):
    policy.write_text("nonsense")
    assert client.get(f"/audit/logs/{hospital.log.id}/checkpoint").status_code == 200
    assert client.get("/metrics").status_code == 200
    grows(hospital)
    sign_checkpoints()
    assert root_by_the_book(hospital.hashes())
