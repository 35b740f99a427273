"""How a search may be put, and what it answers with beside what fits."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integration.services import resources
from integration.views import fhir
from tests.beds.asking import Asked, Ward
from tests.cast import Night
from tests.integration.software import FHIR_JSON, Software
from tests.integration.valid import answered, refused, rows

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


@pytest.fixture(scope="module")
def request_made(ward: Ward) -> Asked:
    return ward.asks("uni", "nord", role=ward.night.kreis.role)


def modes(bundle: Any) -> list[tuple[str, str]]:
    return [(entry["search"]["mode"], entry["resource"]["resourceType"]) for entry in bundle["entry"]]


def test_a_search_may_stand_in_the_body(night: Night, his: Software, request_made: Asked) -> None:
    by_get = answered(his.reads(f"Task?focus={request_made.id}&status=requested"))

    for asked, path in ((f"focus={request_made.id}&status=requested", ""), (f"focus={request_made.id}", "?status=requested")):
        assert answered(his.searches("Task", asked, path=path)) == by_get
    span = "date=ge2020-01-01T00:00:00Z&date=lt2020-01-02T00:00:00Z"
    assert (
        rows(answered(his.searches("MeasureReport", span)))
        == rows(answered(his.searches("MeasureReport", "_count=9", path=f"?{span}")))
        == []
    )
    assert answered(his.searches("Task", ""))["total"] >= 1
    assert refused(his.searches("Task", "color=red")) == (400, "not-supported", "fhir.unknown_parameter")
    assert refused(his.searches("Task", f"owner={'x' * 17_000}")) == (400, "structure", "parse_error")
    assert refused(his.searches("Patient", "")) == (404, "not-supported", "fhir.no_such_type")
    assert refused(his.searches("Task", "", "x")) == (401, "login", "token.ended")
    assert refused(his.searches("Task", "", his.token("system/Task.r"))) == (403, "forbidden", "client.scope_missing")
    assert refused(his.reads("Task/_search")) == (405, "not-supported", "method_not_allowed")
    body = his.http.post("/fhir/Task/_search", data=b"{}", content_type=FHIR_JSON, headers=his._bearing(None))
    assert refused(body) == (415, "not-supported", "unsupported_media_type")


def test_what_belongs_to_it_is_brought_along(night: Night, his: Software, request_made: Asked) -> None:
    asked = f"Task?focus={request_made.id}&_include=Task:focus&_include=Task:owner"
    both = answered(his.reads(asked))
    assert modes(both) == [("match", "Task"), ("include", "ServiceRequest"), ("include", "PractitionerRole")]
    assert both["total"] == 1
    assert [entry["resource"]["id"] for entry in both["entry"]][1:] == [request_made.id, str(night.uni.role.id)]
    assert "_include=Task%3Afocus&_include=Task%3Aowner" in both["link"][0]["url"]

    origin = Software(night.kreis.registrar).entered()
    back = answered(origin.reads(f"ServiceRequest?_id={request_made.id}&_revinclude=Task:focus"))
    assert modes(back) == [("match", "ServiceRequest"), ("include", "Task"), ("include", "Task")]
    assert modes(answered(his.reads(f"ServiceRequest?_id={request_made.id}&_revinclude=Task:focus"))) == [
        ("match", "ServiceRequest"),
        ("include", "Task"),
    ], "not who else was asked"

    assert refused(his.reads("Task?_include=Task:patient")) == (400, "invalid", "fhir.bad_value")
    assert refused(his.reads("Location?_include=Location:organization")) == (400, "not-supported", "fhir.unknown_parameter")
    narrow = his.token("system/Task.s system/PractitionerRole.r")
    assert refused(his.reads(asked, narrow)) == (403, "forbidden", "client.scope_missing"), "what may not be read is not brought along"
    assert modes(answered(his.reads(f"Task?focus={request_made.id}&_include=Task:owner", narrow)))[1] == ("include", "PractitionerRole")


def test_pages_say_how_many_there_are_and_each_row_is_on_one(night: Night, ward: Ward, his: Software, request_made: Asked) -> None:
    for _ in range(3):
        ward.asks("uni")
    seen: list[str] = []
    path = "Task?_count=2&status=requested&_include=Task:focus"
    total = answered(his.reads(path))["total"]
    while path:
        page = answered(his.reads(path))
        seen += [entry["resource"]["id"] for entry in page["entry"] if entry["search"]["mode"] == "match"]
        assert page["total"] == total
        path = {link["relation"]: link["url"] for link in page["link"]}.get("next", "").partition("/fhir/")[2]

    assert len(seen) == len(set(seen)) == total >= 4
    assert "total" not in answered(his.reads("Task?_total=none"))
    assert refused(his.reads("Task?_total=some")) == (400, "invalid", "fhir.bad_value")


@pytest.mark.parametrize(
    "path",
    [
        "Task?_include=Task:focus&_include=Task:owner&_count={}",
        "ServiceRequest?_revinclude=Task:focus&_count={}",
        "PractitionerRole?_count={}",
    ],
)
def test_what_is_brought_along_costs_the_same_for_one_and_for_many(ward: Ward, his: Software, path: str) -> None:
    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as counted:
            answered(his.reads(path.format(count)))
        return len(counted)

    ward.asks("uni", "nord")
    ward.asks("uni")

    assert queries(1) == queries(200)


def test_a_read_that_is_known_is_not_sent_again(night: Night, his: Software, request_made: Asked) -> None:
    for path in (f"Location/{night.uni.unit_id}", f"ServiceRequest/{request_made.id}", f"PractitionerRole/{night.uni.role.id}"):
        tag = his.reads(path).headers["ETag"]
        again = his.reads(path, **{"If-None-Match": f'"x", {tag}'})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
        assert answered(his.reads(path, **{"If-None-Match": '"x"'}))
    request_made.at("uni", "acknowledge")
    assert his.reads(f"Task/{request_made['uni']}", **{"If-None-Match": 'W/"1.0"'}).status_code == 200


def test_what_nobody_foresaw_is_an_outcome_that_says_nothing(
    his: Software, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("a name of a patient")

    monkeypatch.setattr(fhir, "read_resource", breaks)
    monkeypatch.setattr(resources, "bundle", breaks)

    for path in ("Location/x", "Location"):
        answer = his.reads(path)
        assert refused(answer) == (500, "exception", "service.failed")
        assert "patient" not in answer.content.decode()
    written = " ".join(str(record.msg) for record in caplog.records)
    assert "fhir.failed" in written
    assert "a name of a patient" not in written
