"""The façade: a hospital's own units, beds and figures as FHIR R4, and nothing else."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from beds.models import Bed
from beds.services.figures import Figures
from beds.services.opening import open_capacity
from identity.models import Unit
from integration.scopes import OFFERED
from integration.searching import SEARCHED
from integration.views import door
from tests.beds.asking import Ward
from tests.cast import Night
from tests.integration.software import FHIR_JSON, Software, occupancy
from tests.integration.valid import answered, refused, rows


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


def shown(ward: Ward) -> dict[str, Any]:
    """Uni's intensive beds on the board of a partner."""
    (unit,) = (each for each in ward.board(ward.night.adler)[ward.night.uni.id]["units"] if each["category"] == "icu-high")
    return dict(unit)


def test_what_it_can_is_said_to_anybody_and_is_what_is_served(his: Software) -> None:
    said = answered(his.reads("metadata", ""))

    (rest,) = said["rest"]
    assert (said["fhirVersion"], {each["type"] for each in rest["resource"]}) == ("4.0.1", set(OFFERED))
    assert {each["type"]: {one["name"] for one in each["searchParam"]} for each in rest["resource"]} == {
        kind: set(names) for kind, names in SEARCHED.items()
    }
    (token,) = rest["security"]["extension"][0]["extension"]
    assert token["valueUri"].endswith("/fhir/token")


def test_the_hospital_its_units_and_its_beds(night: Night, his: Software, beds: list[Bed]) -> None:
    (hospital,) = rows(answered(his.reads("Organization")))
    assert hospital == str(night.uni.id)
    assert answered(his.reads(f"Organization/{hospital}"))["active"] is True

    unit, (first, second) = beds[0].unit, beds
    every = rows(answered(his.reads("Location")))
    assert set(every) == {str(night.uni.unit_id), str(unit.pk), str(first.pk), str(second.pk)}
    Bed.objects.filter(pk=first.pk).update(status="K")
    bed = answered(his.reads(f"Location/{first.pk}"))
    assert (bed["operationalStatus"]["code"], bed["partOf"]["reference"]) == ("K", f"Location/{unit.pk}")
    types = {coding["code"] for coding in answered(his.reads(f"Location/{night.uni.unit_id}"))["type"][0]["coding"]}
    assert types == {"ICU", "icu-high"}
    assert set(rows(answered(his.reads(f"Location?partof=Location/{unit.pk}")))) == {str(first.pk), str(second.pk)}
    assert rows(answered(his.reads(f"Location?partof={unit.pk}&operational-status=U"))) == [str(second.pk)]
    assert rows(answered(his.reads(f"Location?_id={unit.pk},{first.pk},{uuid4()},nonsense"))) == [str(unit.pk), str(first.pk)]
    assert rows(answered(his.reads(f"Location?organization=Organization/{night.kreis.id}"))) == []


def test_a_page_leads_to_the_next_and_each_row_is_on_one(his: Software, beds: list[Bed]) -> None:
    every, path, seen = rows(answered(his.reads("Location"))), "Location?_count=1", []
    while path:
        page = answered(his.reads(path))
        seen += rows(page)
        path = next((link["url"].partition("/fhir/")[2] for link in page["link"] if link["relation"] == "next"), "")

    assert seen == every


def test_a_search_costs_the_same_queries_for_more_rows(night: Night, his: Software, beds: list[Bed]) -> None:
    def cost() -> list[int]:
        found = []
        for kind in OFFERED:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                answered(his.reads(kind))
            found.append(len(queries))
        return found

    his.reads("Location")
    before = cost()
    for number in range(3):
        unit = Unit.objects.create(hospital_id=night.uni.id, name=f"Mehr {number}")
        open_capacity(unit_id=unit.pk, category="imc", figures=Figures(2, 0, 0), beds=["1", "2"])
    assert cost() == before


def test_occupancy_pushed_is_on_the_board_and_stays_readable(night: Night, ward: Ward, his: Software) -> None:
    at = timezone.now()
    answer = his.pushes(occupancy(night.uni.unit_id, 4, at, beds=6, available=1))

    report = answered(answer, 201)
    assert answer.headers["Location"].endswith(f"/fhir/MeasureReport/{report['id']}")
    unit = shown(ward)
    assert (unit["staffed"], unit["occupied"], unit["blocked"], unit["source"]) == (6, 4, 1, "api")
    event = night.audit_of(night.uni)[-1]
    assert (event.action, event.agent["method"], event.agent["device"], event.agent["person"]) == (
        "beds.report_figure",
        "smart",
        str(his.id),
        None,
    )
    assert answered(his.reads(f"MeasureReport/{report['id']}")) == report
    counts = {each["code"]["coding"][0]["code"]: each["count"] for each in report["group"][0]["population"]}
    assert counts == {"numTotBeds": 6, "numTotBedsOcc": 4, "numTotBedsAvail": 1}

    later = answered(his.pushes(occupancy(night.uni.unit_id, 5, at + timedelta(milliseconds=5))), 201)
    kept = rows(answered(his.reads(f"MeasureReport?subject=Location/{night.uni.unit_id}")))
    assert kept[:2] == [later["id"], report["id"]], "the newest first"
    stamp = (at + timedelta(milliseconds=1)).isoformat().replace("+", "%2B")
    assert rows(answered(his.reads(f"MeasureReport?date=ge{stamp}"))) == [later["id"]]
    by_hand = night.brandt.put(
        f"capacities/{unit['capacity']}", {"staffed": 6, "occupied": 1, "blocked": 0}, If_Match=str(unit["version"] + 1)
    )
    assert (by_hand.status_code, by_hand.json()["code"]) == (409, "capacity.fed_by_adt")


def test_sent_again_it_is_the_same_report_and_an_older_one_is_refused(night: Night, ward: Ward, his: Software) -> None:
    at = timezone.now()
    first = answered(his.pushes(occupancy(night.uni.unit_id, 3, at)), 201)
    version = shown(ward)["version"]

    assert answered(his.pushes(occupancy(night.uni.unit_id, 3, at))) == first
    assert refused(his.pushes(occupancy(night.uni.unit_id, 2, at))) == (409, "conflict", "fhir.newer_known")
    assert refused(his.pushes(occupancy(night.uni.unit_id, 3, at - timedelta(minutes=1)))) == (409, "conflict", "fhir.newer_known")
    assert shown(ward)["version"] == version


def test_two_copies_at_once_are_one_report(night: Night, ward: Ward, his: Software) -> None:
    report, version = occupancy(night.uni.unit_id, 1, timezone.now()), shown(ward)["version"]

    answers = night.at_once(lambda: his.pushes(report), lambda: his.pushes(report))

    assert sorted(answer.status_code for answer in answers) == [200, 201]
    assert answers[0].json() == answers[1].json()
    assert shown(ward)["version"] == version + 1


def test_where_beds_are_counted_singly_no_count_is_taken(his: Software, beds: list[Bed]) -> None:
    report = occupancy(beds[0].unit_id, 1, timezone.now())
    report["group"][0]["code"]["coding"][0]["code"] = "imc"
    assert refused(his.pushes(report)) == (409, "conflict", "capacity.counted_by_bed")


GOOD = occupancy(uuid4(), 1, timezone.now())


@pytest.mark.parametrize(
    ("changed", "code", "where"),
    [
        ({"status": "pending"}, "invalid", ["MeasureReport.status"]),
        ({"date": "2026-11-01T00:00:00"}, "invalid", ["MeasureReport.date"]),
        ({"date": "2026-11-01"}, "invalid", ["MeasureReport.date"]),
        ({"subject": {"reference": "Patient/1"}}, "invalid", ["MeasureReport.subject.reference"]),
        ({"group": []}, "invalid", ["MeasureReport.group"]),
        ({"group": [{"code": GOOD["group"][0]["code"], "population": [{"code": GOOD["group"][0]["code"], "count": "1"}]}]}, "invalid",
         ["MeasureReport.group[0].population[0].count"]),
        ({"measure": "http://hl7.org/fhir/uv/saner/Measure/x"}, "fhir.other_measure", None),
        ({"implicitRules": "http://x"}, "fhir.modified", None),
        ({"group": [GOOD["group"][0] | {"modifierExtension": [{"url": "x"}]}]}, "fhir.modified", None),
        ({"group": occupancy(uuid4(), 5, timezone.now(), beds=6, available=2)["group"]}, "fhir.counts_contradict", None),
        ({"group": occupancy(uuid4(), 5, timezone.now(), available=2)["group"]}, "fhir.counts_missing", None),
        ({"subject": {"reference": "Location/" + "-" * 36}}, "fhir.no_such_figure", None),
        ({}, "fhir.no_such_figure", None),
    ],
)  # fmt: skip
def test_what_a_report_has_to_say(his: Software, changed: dict[str, Any], code: str, where: list[str] | None) -> None:
    answer = his.pushes(GOOD | changed)

    assert refused(answer) == (400, "invalid", code)
    assert answer.json()["issue"][0].get("expression") == where


def test_every_error_is_an_outcome(his: Software, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(his.reads("Location", "")) == (401, "login", "not_authenticated")
    assert refused(his.reads("Location", "x")) == (401, "login", "token.ended")
    assert his.reads("Location", "x").headers["WWW-Authenticate"] == "Bearer"
    assert refused(his.reads("Patient")) == refused(his.reads("Patient/1")) == (404, "not-supported", "fhir.no_such_type")
    assert refused(his.reads("Location/x")) == refused(his.reads(f"MeasureReport/{uuid4()}.1")) == (404, "not-found", "not_found")
    assert refused(his.reads("Location/x/_history/1")) == refused(his.reads("")) == (404, "not-found", "not_found")
    for asked in ("Location?color=red", "Location?partof:identifier=x", "Organization?date=ge2026-11-01T00:00:00Z"):
        assert refused(his.reads(asked)) == (400, "not-supported", "fhir.unknown_parameter")
    for asked in (
        "Location?_count=0",
        "Location?_count=x",
        "Location?_after=x",
        "MeasureReport?_after=0.x",
        "MeasureReport?date=2026-11-01",
    ):
        assert refused(his.reads(asked)) == (400, "invalid", "fhir.bad_value")
    for accept in ("application/fhir+xml", "application/fhir+json; fhirVersion=5.0"):
        assert refused(his.reads("Location", Accept=accept)) == (406, "not-supported", "not_acceptable")
    assert refused(his.reads("Location?_format=xml")) == (406, "not-supported", "not_acceptable")
    for kind in ("application/fhir+xml", f"{FHIR_JSON}; fhirVersion=3.0"):
        assert refused(his.pushes(GOOD, kind=kind)) == (415, "not-supported", "unsupported_media_type")
    for body in (b"{", b'{"a":1,"a":2}', b"\xff"):
        assert refused(his.pushes(body)) == (400, "structure", "parse_error")
    assert refused(his.pushes(b"[]")) == (400, "invalid", "invalid")
    assert refused(his.pushes(GOOD, to="Location")) == (405, "not-supported", "method_not_allowed")
    assert refused(his.http.options("/fhir/metadata")) == (405, "not-supported", "method_not_allowed")
    monkeypatch.setattr(door.ClientThrottle, "limit", 0)
    assert refused(his.reads("Location")) == (429, "throttled", "client.too_many")


def test_what_nobody_would_send_is_answered_all_the_same(his: Software) -> None:
    for asked in ("operational-status=%00", "_id=%00", "partof=%ED%A0%80", "operational-status=U,x,http://x|O"):
        assert answered(his.reads(f"Location?{asked}"))["type"] == "searchset"
    for asked in (
        f"_after=0.{'9' * 36}",
        "date=ge0001-01-01T00:00:00%2B14:00",
        "date=lt9999-12-31T23:59:59-14:00",
        f"_id={uuid4()}.999999999",
    ):
        assert answered(his.reads(f"MeasureReport?{asked}"))["type"] == "searchset"
    assert refused(his.reads("Location?_id=" + ",".join(["x"] * 201))) == (400, "invalid", "fhir.bad_value")
    assert refused(his.reads("Location/%00"))[0] == 404
    deep = json.dumps(GOOD)[:-1].encode() + b',"extension":' + b"[" * 900 + b"]" * 900 + b"}"
    assert refused(his.pushes(deep))[0] == 400
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-01T00:00:00Z"):
        assert refused(his.pushes(GOOD | {"date": moment}))[0] == 400


def test_json_of_r4_is_taken_by_any_of_its_names(his: Software) -> None:
    for accept in ("*/*", "application/json", f"text/html, {FHIR_JSON}; fhirVersion=4.0; q=0.9"):
        answered(his.reads("Organization", Accept=accept))
    for form in ("json", "application/fhir%2Bjson", "application/fhir+json"):
        answered(his.reads(f"Organization?_format={form}", Accept="text/html"))
    assert refused(his.pushes(GOOD, kind=f"{FHIR_JSON}; fhirVersion=4.0; charset=utf-8"))[0] == 400
