"""The export, taken through the API and judged by ``wardline-verify``, which knows nothing of the server."""

import asyncio
import json
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.utils import timezone

from audit.sequencer import integrate
from tests.audit.conftest import Hospital
from tests.audit.people import Somebody, make_hospital
from wardline_verify.bundle import Verdict
from wardline_verify.cli import main

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/api/v1/audit/export"


@pytest.fixture
def registrar(hospital):
    return Somebody(make_hospital(hospital.id), is_registrar=True)


@pytest.fixture
def exported(hospital, registrar, judged, tmp_path):
    """Take the export now and have it judged against the published key: ``(verdict, what was found)``."""

    def take(*options):
        answer = registrar.get(PATH)
        assert answer.status_code == 200
        path = tmp_path / "bundle.ndjson"
        path.write_bytes(b"".join(answer.streaming_content))
        logs = registrar.get("/audit/logs/").json()["results"]
        key = next(log["key"] for log in logs if log["id"] == str(hospital.log.id))
        return judged(str(path), "--key", key, *options)

    return take


@pytest.fixture
def judged(capsys):
    def run(*arguments):
        capsys.readouterr()
        code = main([*arguments, "--json"])
        return Verdict(code), json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize("size", [1, 3, 257, 1001])
def test_an_untouched_log_is_intact(hospital, exported, size):
    hospital.writes(size)
    hospital.publishes()

    verdict, report = exported()

    assert verdict is Verdict.INTACT
    assert (report["size"], report["outcomes"]) == (size, {"success": size})
    assert len(report["checked"]) == 2


CHANGED = "UPDATE audit_event SET leaf = replace(encode(leaf, 'escape'), '\"number\":3', '\"number\":9')::bytea WHERE id = %s"
DELETED = "DELETE FROM audit_leaf WHERE event = %s"
SWAPPED = """
    UPDATE audit_event SET leaf = other.leaf FROM audit_event other
    WHERE audit_event.id IN (%(event)s, %(event)s + 1) AND other.id IN (%(event)s, %(event)s + 1) AND other.id <> audit_event.id"""


def test_one_changed_row_is_tampered(hospital, exported, tamper):
    tamper(CHANGED, [published(hospital)])
    assert exported()[0] is Verdict.TAMPERED


def test_one_deleted_row_is_tampered(hospital, exported, tamper):
    tamper(DELETED, [published(hospital)])
    assert exported()[0] is Verdict.TAMPERED


def test_one_swapped_row_is_tampered(hospital, exported, tamper):
    tamper(SWAPPED, {"event": published(hospital)})
    assert exported()[0] is Verdict.TAMPERED


def test_without_a_hand_on_it_the_same_log_is_intact(hospital, exported):
    """The control of the three above."""
    published(hospital)
    assert exported()[0] is Verdict.INTACT


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_checkpoint SET note = replace(note, E'\\n10\\n', E'\\n9\\n') WHERE log = %s",
        "UPDATE audit_leaf SET leaf_index = leaf_index + 100 WHERE leaf_index = 9 AND log = %s",
        "DELETE FROM audit_leaf WHERE leaf_index = 9 AND log = %s",
        "UPDATE audit_event SET leaf = leaf || ' ' FROM audit_leaf WHERE event = id AND leaf_index = 0 AND log = %s",
        "DELETE FROM audit_event USING audit_leaf WHERE event = id AND leaf_index = 0 AND log = %s",
    ],
)
def test_other_hands_on_the_tables_are_found_too(hospital, exported, tamper, statement):
    published(hospital)
    tamper(statement, [hospital.log.id])

    assert exported()[0] is Verdict.TAMPERED


def published(hospital):
    """Ten events, signed; the id of the fourth."""
    hospital.writes(10)
    hospital.publishes()
    return hospital.log.leaves.get(leaf_index=3).event_id


def test_the_next_export_continues_the_saved_checkpoint(hospital, exported, tmp_path):
    saved = tmp_path / "saved"
    hospital.writes(5)
    hospital.publishes()
    assert exported("--save", str(saved))[0] is Verdict.INTACT
    hospital.writes(7)
    hospital.publishes()

    verdict, report = exported("--saved", str(saved), "--save", str(saved))

    assert verdict is Verdict.INTACT
    assert len(report["checked"]) == 3
    assert "\n13\n" in saved.read_text(), "5, the export, 7"


def test_a_history_written_anew_under_the_right_key_betrays_itself_to_a_saved_checkpoint(hospital, exported, tmp_path, tamper, settings):
    """The operator holds the key and the database: only what others kept convicts it."""
    saved = tmp_path / "saved"
    hospital.writes(5)
    hospital.publishes()
    exported("--save", str(saved))
    tamper("DELETE FROM audit_checkpoint WHERE log = %s", [hospital.log.id])
    tamper("DELETE FROM audit_leaf WHERE log = %s", [hospital.log.id])
    tamper("UPDATE audit_log SET size = 0, frontier = '{}' WHERE id = %s", [hospital.log.id])
    settings.STATE_DIR = tmp_path / "elsewhere"  # and has cleared away what it published
    hospital.writes(8)
    hospital.publishes()

    assert exported()[0] is Verdict.INTACT
    verdict, report = exported("--saved", str(saved))
    assert (verdict, report["codes"]) == (Verdict.TAMPERED, ["other_past"])


def test_the_export_is_itself_an_event_before_the_first_byte(hospital, registrar):
    hospital.writes(1)
    hospital.publishes()
    answer = registrar.get(PATH)
    integrate(hospital.id)

    event = hospital.leaves()[-1]
    assert (event["action"], event["agent"]["person"], event["detail"]) == ("audit.export", str(registrar.person.pseudonym), {"size": 1})
    assert len(b"".join(answer.streaming_content).splitlines()) == 3


def test_no_colleague_takes_it(hospital, registrar, client):
    hospital.writes(1)
    hospital.publishes()
    colleague = Somebody(registrar.membership.hospital, is_registrar=False)
    outsider = Somebody(make_hospital(uuid4()), is_registrar=True)

    assert client.get(PATH).status_code == 401
    assert colleague.get(PATH).status_code == 403
    assert outsider.get(PATH).status_code == 404, "nothing has happened there yet"
    integrate(hospital.id)
    refusal = hospital.leaves()[-1]
    assert (refusal["outcome"], refusal["detail"]["code"]) == ("refused", "auditor.required")
    assert refusal["agent"]["person"] == str(colleague.person.pseudonym)


def test_a_registrar_who_has_left_takes_nothing(hospital, registrar):
    hospital.writes(1)
    hospital.publishes()
    assert registrar.get(PATH).status_code == 200
    registrar.membership.state, registrar.membership.ended_at = "ended", timezone.now()
    registrar.membership.save()

    assert registrar.get(PATH).status_code == 401


def test_of_each_hospital_the_own_log_alone(hospital, registrar):
    other = Hospital()
    other_registrar = Somebody(make_hospital(other.id), is_registrar=True)
    for each in (hospital, other):
        each.writes(2)
        each.publishes()

    heads = [json.loads(b"".join(each.get(PATH).streaming_content).splitlines()[0]) for each in (registrar, other_registrar)]

    assert [head["log"] for head in heads] == [str(hospital.log.id), str(other.log.id)]


def test_an_asgi_server_sends_it_piece_by_piece(hospital, registrar):
    hospital.writes(1001)
    hospital.publishes()

    async def take():
        try:
            answer = await registrar.async_client.get(PATH)
            assert answer.is_async
            return [piece async for piece in answer.streaming_content]
        finally:
            await sync_to_async(connections.close_all)()  # of the thread the views ran in

    assert [len(piece.splitlines()) for piece in asyncio.run(take())] == [1, 500, 500, 1, 1]


def test_costs_a_query_for_500_leaves(hospital, registrar, django_assert_num_queries):
    hospital.writes(1001)
    hospital.publishes()
    with django_assert_num_queries(6 + 3):  # actor, log, checkpoint, BEGIN, event, COMMIT; three pages
        b"".join(registrar.get(PATH).streaming_content)
