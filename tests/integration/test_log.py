"""A hospital's software reads its hospital's log: searched, event by event, and in bulk as every export is made."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.exports.jobs import expire_exports, run_exports
from audit.exports.queue import AT_ONCE
from audit.models import Export
from tests.audit.bundles import publish
from tests.beds.asking import Ward
from tests.cast import Night
from tests.integration.software import Software
from tests.integration.valid import answered, is_valid, refused, rows

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


@pytest.fixture(scope="module")
def origin(night: Night, ward: Ward) -> Software:
    """Of kreis, in whose log a request stands."""
    software = Software(night.kreis.registrar).entered()
    software.kept = software.token()
    software.asked = ward.asks("uni")  # type: ignore[attr-defined]
    publish(night.kreis.id)
    return software


def begun(software: Software) -> str:
    """The address of an export, below ``/fhir/``."""
    publish(software.registrar.hospital)
    answer = software.reads("$export?_type=AuditEvent", **ASYNC)
    assert (answer.status_code, answer.content) == (202, b""), answer.content
    return str(answer.headers["Content-Location"]).removeprefix(f"{settings.PUBLIC_URL}/fhir/")


def done(software: Software) -> tuple[str, dict[str, Any]]:
    address = begun(software)
    while run_exports(seconds=30):
        pass
    answer = software.reads(address)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    return address, answer.json()


def test_events_are_found_by_what_they_say(night: Night, origin: Software) -> None:
    found = answered(origin.reads("AuditEvent?subtype=beds.request"))
    (event,) = (entry["resource"] for entry in found["entry"])
    assert event["subtype"][-1]["code"] == "beds.request"
    assert answered(origin.reads(f"AuditEvent/{event['id']}")) == event
    everything = answered(origin.reads("AuditEvent?_count=2"))
    places = [int(id.rpartition(".")[2]) for id in rows(everything)]
    assert places == sorted(places, reverse=True), "newest first"
    following = {link["relation"]: link["url"] for link in everything["link"]}["next"].partition("/fhir/")[2]
    assert max(int(id.rpartition(".")[2]) for id in rows(answered(origin.reads(following)))) < min(places)

    tomorrow = (timezone.now() + timedelta(days=1)).isoformat().replace("+", "%2B")
    assert rows(answered(origin.reads(f"AuditEvent?date=gt{tomorrow}"))) == []
    assert rows(answered(origin.reads(f"AuditEvent?subtype=beds.request&date=le{tomorrow}&outcome=0"))) == [event["id"]]
    at = event["recorded"].replace("+", "%2B")
    assert rows(answered(origin.reads(f"AuditEvent?subtype=beds.request&date=ge{at}&date=le{at}"))) == [event["id"]]
    for out in (f"date=gt{at}", f"date=lt{at}", "outcome=4", "outcome=x", "subtype=%00"):
        assert event["id"] not in rows(answered(origin.reads(f"AuditEvent?{out}")))
    assert refused(origin.reads("AuditEvent?entity=x"))[2] == "fhir.unknown_parameter"
    assert refused(origin.reads("AuditEvent?_after=1.x"))[2] == "fhir.bad_value"


def test_a_look_costs_the_same_however_much_there_is_and_is_an_event_itself(night: Night, origin: Software) -> None:
    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as counted:
            answered(origin.reads(f"AuditEvent?_count={count}"))
        return len(counted)

    assert queries(1) == queries(200)
    looks = [event for event in night.audit_of(night.kreis) if event.action == "audit.search"]
    assert looks[-1].agent["device"] == str(origin.id)


def test_of_another_hospitals_log_there_is_nothing(night: Night, origin: Software) -> None:
    event = rows(answered(origin.reads("AuditEvent?_count=1")))[0]
    stranger = Software(night.fern.registrar).entered()
    publish(night.fern.id)

    first = f"{event.partition('.')[0]}.0"  # a place that the stranger's own log has as well
    for id in (event, first, event.replace(event[:8], "00000000"), event[:-2], "x", f"{event}0000000", f"{event}%00"):
        answer = stranger.reads(f"AuditEvent/{id}")
        assert refused(answer) == (404, "not-found", "not_found")
    assert event not in rows(answered(stranger.reads("AuditEvent?_count=200")))


def test_the_log_in_bulk(night: Night, origin: Software) -> None:
    address = begun(origin)
    waiting = origin.reads(address)
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "2")
    assert refused(origin.reads(f"{address}/AuditEvent.ndjson")) == (409, "conflict", "export.not_ready")
    while run_exports(seconds=30):
        pass

    manifest = origin.reads(address).json()
    (output,) = manifest["output"]
    assert (manifest["requiresAccessToken"], manifest["error"], output["type"]) == (True, [], "AuditEvent")
    file = origin.reads(output["url"].partition("/fhir/")[2])
    assert file.headers["Content-Type"] == "application/fhir+ndjson"
    lines = b"".join(file.streaming_content).splitlines()
    assert len(lines) == output["count"] > 0
    events = [json.loads(line) for line in lines]
    assert is_valid(events[0])
    assert "beds.request" in {event["subtype"][-1]["code"] for event in events}
    told = [event.action for event in night.audit_of(night.kreis) if event.agent["device"] == str(origin.id)]
    assert [action for action in told if action != "api.refused"][-4:] == [
        "audit.ask_export",
        "audit.read_export",
        "audit.read_export",
        "audit.download_export",
    ]

    assert origin.deletes(address).status_code == 202
    for gone in (address, f"{address}/AuditEvent.ndjson"):
        assert refused(origin.reads(gone)) == (404, "not-found", "not_found")


def test_an_export_is_its_askers(night: Night, origin: Software) -> None:
    address, _ = done(origin)
    beside, stranger = Software(night.kreis.registrar).entered(), Software(night.fern.registrar).entered()

    for other in (beside, stranger):
        for path in (address, f"{address}/AuditEvent.ndjson"):
            assert refused(other.reads(path)) == (404, "not-found", "not_found")
        assert refused(other.deletes(address)) == (404, "not-found", "not_found")
    assert night.kreis.registrar.get(f"audit/exports/{address.rpartition('/')[2]}").status_code == 404
    narrow = origin.token("system/AuditEvent.s")
    for path in ("$export", address, f"{address}/AuditEvent.ndjson"):
        assert refused(origin.reads(path, narrow, **ASYNC)) == (403, "forbidden", "client.scope_missing")
    assert origin.reads(address).status_code == 200


def test_what_an_export_may_be_asked(night: Night, origin: Software) -> None:
    assert refused(origin.reads("$export")) == (400, "not-supported", "fhir.async_only")
    assert refused(origin.reads("$export?_type=Patient", **ASYNC)) == (400, "invalid", "fhir.bad_value")
    assert refused(origin.reads("$export?_outputFormat=csv", **ASYNC)) == (400, "invalid", "fhir.bad_value")
    assert refused(origin.reads("$export?_since=yesterday", **ASYNC)) == (400, "invalid", "fhir.bad_value")
    assert refused(origin.reads("$export?_elements=id", **ASYNC)) == (400, "not-supported", "fhir.unknown_parameter")
    since = timezone.now().isoformat()
    answers = [origin.reads(f"$export?_type=AuditEvent&_since={since}", **ASYNC) for _ in range(AT_ONCE + 1)]
    assert [answer.status_code for answer in answers] == [202] * AT_ONCE + [409]
    assert refused(answers[-1]) == (409, "conflict", "export.too_many")
    while run_exports(seconds=30):
        pass
    manifest = origin.reads(answers[0].headers["Content-Location"].partition("/fhir/")[2]).json()
    assert "_since=" in manifest["request"]
    Export.objects.filter(asked_by=origin.id).update(expires_at=timezone.now() - timedelta(days=1))
    expire_exports()
    assert refused(origin.reads(answers[0].headers["Content-Location"].partition("/fhir/")[2]))[0] == 404


def test_an_auditor_sees_what_software_took_out(night: Night, origin: Software) -> None:
    address, _ = done(origin)
    appointed = night.kreis.registrar.post(f"members/{night.egger.id}/auditor", {"reason": "data_protection_officer"})
    assert appointed.status_code == 201

    listed = [each["id"] for each in night.egger.get("audit/exports").json()["results"]]

    assert address.rpartition("/")[2] in listed
