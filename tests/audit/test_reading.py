"""What auditors look at: the own log alone, page by page, and every look in it."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit.models import Review
from audit.sequencer import integrate
from tests.audit.exporting import auditor, content, made
from tests.beds.asking import Ward
from tests.cast import Night, Someone
from tests.messaging.people import sent, start_talk
from tests.messaging.test_emergency import broken


@pytest.fixture
def egger(night: Night) -> Someone:
    return auditor(night, night.egger)


def looked(reader: Someone, path: str) -> dict[str, Any]:
    """What is shown of everything that has happened by now."""
    while integrate(reader.hospital):
        pass
    answer = reader.get(path)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def actions(found: dict[str, Any]) -> list[str]:
    return [event["action"] for event in found["results"]]


def test_search_shows_who_did_what_newest_first_and_is_itself_found_next_time(night: Night, egger: Someone) -> None:
    night.adler.get("duty")
    first = looked(egger, "audit/events")

    assert actions(first)[:2] == ["identity.read_duty", "identity.appoint_auditor"]
    shown = first["results"][0]
    assert (shown["agent"]["title"], shown["agent"]["name"], shown["agent"]["is_erased"]) == ("Dr.", "Adler", False)
    assert [event["place"] for event in first["results"]] == list(reversed(range(len(first["results"]))))
    second = looked(egger, "audit/events")
    assert actions(second)[0] == "audit.search"
    assert second["results"][0]["detail"]["rows"] == len(first["results"])


def test_page_by_page_everything_once(night: Night, egger: Someone) -> None:
    for _ in range(7):
        night.adler.get("duty")
    whole = looked(egger, "audit/events?limit=200&action=identity.read_duty")

    places, path = [], "audit/events?limit=3&action=identity.read_duty"
    found = looked(egger, path)
    while True:
        places += [event["place"] for event in found["results"]]
        if found["next"] is None:
            break
        found = looked(egger, f"{path}&cursor={found['next']}")

    assert places == [event["place"] for event in whole["results"]]
    assert len(places) == 7


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("person={adler}", {"identity.read_duty"}),
        ("person={adler_pseudonym}", {"identity.read_duty"}),
        ("action=identity.read_duty&action=identity.read_directory", {"identity.read_duty", "identity.read_directory"}),
        ("action=api.", {"api.refused"}),
        ("outcome=refused", {"api.refused"}),
        ("subject={egger_pseudonym}", {"identity.appoint_auditor"}),
        ("until=2020-01-01T00:00:00Z", set()),
        ("person={outsider}", set()),
    ],
)
def test_filters(night: Night, egger: Someone, query: str, expected: set[str]) -> None:
    night.adler.get("duty")
    night.conrad.get("directory")
    night.conrad.get("audit/events")
    people = {name: night.person(name) for name in ("adler", "egger", "outsider")}
    ids = {name: each.id for name, each in people.items()} | {f"{name}_pseudonym": each.pseudonym for name, each in people.items()}  # type: ignore[attr-defined]

    assert set(actions(looked(egger, "audit/events?" + query.format(**ids)))) == expected


def test_of_another_hospital_nothing(night: Night, egger: Someone) -> None:
    night.brandt.get("duty")
    shown = looked(egger, "audit/events?limit=200")

    assert not [event for event in shown["results"] if event["agent"]["person"] == str(night.brandt.pseudonym)]


def test_the_timeline_of_a_request_is_its_story(night: Night, egger: Someone) -> None:
    asked = Ward(night).asks("uni")
    night.conrad.get("duty")
    story = looked(egger, f"audit/timeline?request={asked.id}")

    assert story["results"]
    assert "identity.read_duty" not in actions(story)
    assert [event["place"] for event in story["results"]] == sorted(event["place"] for event in story["results"])
    other_side = looked(auditor(night, night.dorn), f"audit/timeline?request={asked.id}")
    assert set(actions(other_side)) == set(actions(story))


def test_a_timeline_is_of_something(egger: Someone) -> None:
    answer = egger.get("audit/timeline")
    assert (answer.status_code, answer.json()["code"]) == (400, "timeline.of_nothing")


def test_disclosures_say_to_whom_and_why(night: Night, egger: Someone) -> None:
    asked = Ward(night).asks("uni")
    night.brandt.get(f"requests/{asked.id}")
    told = looked(egger, f"audit/disclosures/{asked.id}")

    assert told["results"]
    assert {hospital for event in told["results"] for hospital in event["recipients"]} == {str(night.uni.id)}
    assert {event["purpose"] for event in told["results"]} == {"TREAT"}
    assert "beds.read_request" in actions(told)
    assert looked(egger, f"audit/disclosures/{uuid4()}")["results"] == []


def test_what_stayed_in_the_house_is_no_disclosure(night: Night, egger: Someone) -> None:
    asked = Ward(night).asks("uni")
    while integrate(night.kreis.id):
        pass
    before = len(looked(egger, f"audit/disclosures/{asked.id}")["results"])
    night.adler.get(f"requests/{asked.id}")

    assert len(looked(egger, f"audit/disclosures/{asked.id}")["results"]) == before


def test_who_comes_back_is_among_the_sign_in_failures(night: Night, egger: Someone) -> None:
    night.revoked_device.get("duty")
    failures = looked(egger, "audit/sign-in-failures")

    assert actions(failures) == ["identity.come_back"]
    assert (failures["results"][0]["outcome"], failures["results"][0]["detail"]["code"]) == ("refused", "device.revoked")


def test_emergency_access_is_listed_until_reviewed_and_exported_with_its_purpose(night: Night, egger: Someone) -> None:
    assert looked(egger, "audit/break-glass") == {"results": [], "next": None, "unreviewed": 0}
    talk = start_talk(night)
    sent(night.adler, talk)
    emergency = broken(night, talk)
    night.dorn.get(f"conversations/{talk.id}/messages")
    night.dorn.post(f"emergencies/{emergency}/end")

    found = looked(egger, "audit/break-glass")
    assert actions(found) == ["messaging.end_break_glass", "messaging.break_glass"]
    assert [(event["agent"]["name"], event["subjects"]["emergency"], event["is_reviewed"]) for event in found["results"]] == [
        ("Dorn", emergency, False)
    ] * 2
    assert found["unreviewed"] == 1
    span = {"since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
    said = {"id": uuid4(), **span, "scope": "break_glass", "finding": "explained", "action": "asked", "subject": emergency}
    assert egger.post("audit/reviews", said).status_code == 201
    found = looked(egger, "audit/break-glass")
    assert ({event["is_reviewed"] for event in found["results"]}, found["unreviewed"]) == ({True}, 0)
    assert looked(night.uni.registrar, "audit/break-glass")["unreviewed"] == 1, "the other hospital reviews for itself"

    exported = content(egger, made(egger, "fhir", filter={"subject": emergency, "action": ["messaging."]}))
    purposes = {
        resource["subtype"][-1]["code"]: (
            resource["purposeOfEvent"][0]["coding"][0]["code"],
            resource["agent"][0]["purposeOfUse"][0]["coding"][0]["code"],
        )
        for resource in map(json.loads, exported.splitlines())
    }
    btg, emergency_treatment = ("BTG", "BTG"), ("ETREAT", "ETREAT")
    assert purposes == {
        "messaging.break_glass": btg,
        "messaging.read": emergency_treatment,
        "messaging.end_break_glass": btg,
    }


def test_activity_counts_by_the_hospitals_hours(night: Night, egger: Someone) -> None:
    now = timezone.now()
    span = f"since={quote((now - timedelta(hours=2)).isoformat())}&until={quote((now + timedelta(hours=2)).isoformat())}"
    before = looked(egger, f"audit/activity?{span}")["results"]
    night.adler.get("duty")
    night.conrad.get("audit/events")
    after = looked(egger, f"audit/activity?{span}")["results"]

    def total(hours: list[dict[str, Any]], name: str) -> int:
        return sum(hour[name] for hour in hours)

    assert total(after, "events") - total(before, "events") == 3, "two and the look between"
    assert total(after, "refused") - total(before, "refused") == 1
    assert all(hour["hour"].endswith(("+01:00", "+02:00")) for hour in after)


@pytest.mark.parametrize("days", [-1, 0, 63])
def test_activity_of_no_span_or_a_very_long_one(egger: Someone, days: int) -> None:
    since = timezone.now()
    answer = egger.get(f"audit/activity?since={quote(since.isoformat())}&until={quote((since + timedelta(days=days)).isoformat())}")
    assert (answer.status_code, answer.json()["code"]) == (400, "activity.window")


def test_the_roster_says_who_had_access_and_until_when(night: Night, egger: Someone) -> None:
    rows = {row["name"]: row for row in looked(egger, "audit/roster")["results"]}

    assert (rows["Ehemals"]["state"], rows["Ehemals"]["ended_at"] is not None) == ("ended", True)
    assert rows["Register"]["is_registrar"]
    assert [term["reason"] for term in rows["Egger"]["auditor_terms"]] == ["data_protection_officer"]
    assert "Brandt" not in rows


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("audit/events", "audit.search"),
        ("audit/timeline?subject={0}", "audit.read_timeline"),
        ("audit/disclosures/{0}", "audit.read_disclosures"),
        ("audit/break-glass", "audit.read_break_glass"),
        ("audit/sign-in-failures", "audit.read_sign_in_failures"),
        ("audit/activity?since=2026-11-01T00:00:00Z&until=2026-11-02T00:00:00Z", "audit.read_activity"),
        ("audit/roster", "audit.read_roster"),
        ("audit/reviews", "audit.list_reviews"),
        ("audit/exports", "audit.list_exports"),
    ],
)
def test_every_look_is_an_event(night: Night, egger: Someone, path: str, action: str) -> None:
    looked(egger, path.format(uuid4()))
    last = night.audit_of(night.kreis)[-1]
    assert (last.action, last.agent["person"]) == (action, str(egger.pseudonym))


class TestReviews:
    def said(self, **more: Any) -> dict[str, Any]:
        span = {"since": "2026-10-01T00:00:00Z", "until": "2026-11-01T00:00:00Z"}
        return {"id": str(uuid4()), **span, "scope": "sign_ins", "finding": "question", "action": "asked", **more}

    def test_on_record_with_who_and_when(self, night: Night, egger: Someone) -> None:
        said = self.said(place=3)
        answer = egger.post("audit/reviews", said)
        assert answer.status_code == 201, answer.content

        (shown,) = looked(egger, "audit/reviews")["results"]

        assert shown == answer.json()
        assert (shown["reviewer"], shown["finding"], shown["place"]) == (str(egger.pseudonym), "question", 3)
        told = next(event for event in night.audit_of(night.kreis) if event.action == "audit.review")
        span = {"since": "2026-10-01T00:00:00+00:00", "until": "2026-11-01T00:00:00+00:00"}
        assert told.detail == {"scope": "sign_ins", "finding": "question", "action": "asked", "place": 3, **span}

    def test_a_second_thought_is_a_second_review(self, egger: Someone) -> None:
        said = self.said()
        assert egger.post("audit/reviews", said).status_code == 201
        changed = egger.post("audit/reviews", said | {"finding": "nothing"})
        assert (changed.status_code, changed.json()["code"]) == (409, "review.known")
        assert Review.objects.get(pk=said["id"]).finding == "question"

    @pytest.mark.parametrize(
        "statement", ["UPDATE audit_review SET finding = 'nothing'", "DELETE FROM audit_review", "TRUNCATE audit_review"]
    )
    def test_the_database_refuses_to_change_one(self, egger: Someone, statement: str) -> None:
        egger.post("audit/reviews", self.said())
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    @pytest.mark.parametrize("more", [{"finding": "Frau Huber, 82"}, {"scope": ""}, {"action": "x"}, {"until": "2026-09-01T00:00:00Z"}])
    def test_codes_alone(self, egger: Someone, more: dict[str, Any]) -> None:
        assert egger.post("audit/reviews", self.said(**more)).status_code == 400

    def test_another_hospitals_are_not_seen(self, night: Night, egger: Someone) -> None:
        egger.post("audit/reviews", self.said())
        assert looked(auditor(night, night.dorn), "audit/reviews")["results"] == []


def test_an_erased_name_is_said_to_be_erased(night: Night, egger: Someone) -> None:
    talk = start_talk(night)
    sent(night.adler, talk)
    night.kreis.registrar.post(f"members/{night.adler.id}/end")
    night.kreis.registrar.post("audit/erasures", {"person": night.adler.id})
    events = looked(egger, "audit/events?limit=200&action=messaging.send")["results"]

    assert {(event["agent"]["name"], event["agent"]["is_erased"]) for event in events} == {("", True)}
