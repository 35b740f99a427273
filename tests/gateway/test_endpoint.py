"""Filing into the record's FHIR endpoint, which fails in every way it can."""

from base64 import b64decode

import pytest
from django.conf import settings

from tests.faults.stack import wait_until
from tests.gateway.conftest import QUESTION, Case, archive_link
from tests.gateway.his import Record
from tests.gateway.running import Installed
from tests.gateway.valid import is_document, is_pdfa, text_of


@pytest.fixture
def his():
    with Record.serving(token="let me in") as record:
        yield record


@pytest.fixture
def gateway(tmp_path, service, mitte, his):
    token = tmp_path / "his.token"
    token.write_text("let me in\n")
    token.chmod(0o600)
    made = Installed(
        tmp_path, service.origin, settings.PUBLIC_URL, f'[fhir]\naddress = "{his.address}"\ntoken = "his.token"\ntimeout_seconds = 0.5'
    )
    made.enrol(archive_link(mitte))
    yield made
    made.end()


def documents(his, count):
    wait_until(lambda: len(his.resources["Provenance"]) >= count, seconds=40, what=f"{count} documents are in the record")
    return list(his.resources["DocumentReference"].values())


def data_of(reference):
    pdf = b64decode(reference["content"][0]["attachment"]["data"])
    is_document(reference, pdf)
    return text_of(is_pdfa(pdf))


def test_versions_go_in_with_the_document_inside_and_point_at_each_other(gateway, his, case):
    case.decline()
    gateway.start()
    [first] = documents(his, 1)
    case.adler.send_text(case.conversation, "Danke trotzdem.")
    first, second = documents(his, 2)
    of_first, of_second = his.resources["Provenance"].values()

    assert QUESTION in data_of(first)
    assert "Danke trotzdem." in data_of(second)
    assert second["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{first['id']}"
    assert of_first["target"][0]["reference"] == f"DocumentReference/{first['id']}"
    assert of_second["target"][0]["reference"] == f"DocumentReference/{second['id']}"


@pytest.mark.parametrize("trouble", [[503, 500, 429], ["stall"], ["lost", "lost"]], ids=["refused", "slow", "answer lost"])
def test_whatever_goes_wrong_there_is_one_document(gateway, his, case, trouble):
    his.trouble = list(trouble)
    case.decline()
    gateway.start()
    documents(his, 1)
    gateway.wait_until_idle()

    assert his.met == trouble, "it did go wrong"
    assert (len(his.resources["DocumentReference"]), len(his.resources["Provenance"])) == (1, 1)
    assert QUESTION not in gateway.log()


def test_a_document_that_is_refused_keeps_no_other_waiting(gateway, his, case, adler, brandt, clinic):
    case.decline()
    other = Case(adler, brandt, clinic)
    other.decline()
    his.trouble = [422]
    gateway.start()
    documents(his, 2)
    gateway.wait_until_idle()
    of_whom = [reference["identifier"][1]["value"] for reference in his.resources["DocumentReference"].values()]

    assert of_whom == [other.id.urn, case.id.urn]
    assert gateway.health()[1]["errors"] == {"fhir.status_422": 1}


def test_while_the_record_refuses_health_says_so(gateway, his, case):
    his.token = "changed"
    case.decline()
    gateway.start()
    wait_until(lambda: gateway.is_said("failing", "fhir.status_401"), seconds=30, what="the refusal is shown")
    status, shown = gateway.health()

    assert (status, shown["status"], shown["waiting"], shown["last_filed_at"]) == (503, "failing", 1, None)
    his.token = "let me in"
    documents(his, 1)
    gateway.wait_until_idle()
    status, shown = gateway.health()
    assert (status, shown["failing"], shown["waiting"], shown["filed"]) == (200, None, 0, 1)
    assert shown["errors"]["fhir.status_401"] >= 1


def test_an_answer_lost_before_a_restart_and_a_message_meanwhile(gateway, his, case):
    """The version was put and the gateway could not note it; what is filed next must say that it replaces it."""
    his.trouble = ["lost", *[503] * 400]
    case.decline()
    gateway.start()
    wait_until(lambda: his.creates == 1 and len(his.met) > 1, seconds=30, what="the document is there, its answer lost")
    gateway.kill()
    case.adler.send_text(case.conversation, "Danke trotzdem.")
    his.trouble = []
    gateway.start()
    documents(his, 1)
    gateway.wait_until_idle()
    first, second = his.resources["DocumentReference"].values()

    assert second["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{first['id']}"
    assert "Fassung: 2 (ersetzt Fassung 1)" in data_of(second)
    assert "Danke" not in gateway.log()
