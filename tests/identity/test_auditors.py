"""Auditors: who makes them, what they may see, and when it ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from identity.models import AuditorTerm
from tests.cast import Night, Someone

LOG = "audit/export"


def appoint(night: Night, someone: Someone, **body: Any) -> Any:
    return someone.place.registrar.post(f"members/{someone.id}/auditor", {"reason": "data_protection_officer", **body})


def end(night: Night, someone: Someone, reason: str = "left_office") -> Any:
    return someone.place.registrar.post(f"members/{someone.id}/auditor/end", {"reason": reason})


def may_look(someone: Someone) -> int:
    """403: no auditor; 404: an auditor, of a log that nobody has signed yet."""
    status: int = someone.get(LOG).status_code
    return status


def test_a_registrar_makes_a_member_an_auditor_and_ends_it(night: Night) -> None:
    egger = night.egger
    assert may_look(egger) == 403
    assert egger.get("session").json()["is_auditor"] is False

    made = appoint(night, egger)

    assert (made.status_code, made.json()["reason"], made.json()["until"]) == (201, "data_protection_officer", None)
    assert may_look(egger) == 404
    assert egger.get("session").json()["is_auditor"] is True
    ended = end(night, egger)
    assert (ended.status_code, ended.json()["end_reason"]) == (200, "left_office")
    assert may_look(egger) == 403


def test_both_are_in_the_log_with_their_reason(night: Night) -> None:
    until = timezone.now() + timedelta(days=30)
    appoint(night, night.egger, until=until.isoformat())
    end(night, night.egger, "done")

    told = [event for event in night.audit_of(night.kreis) if event.action.endswith("_auditor")]

    assert [(event.action, event.detail["reason"]) for event in told] == [
        ("identity.appoint_auditor", "data_protection_officer"),
        ("identity.end_auditor", "done"),
    ]
    assert told[0].detail["until"].startswith(until.strftime("%Y-%m-%dT%H:%M"))
    assert {event.subjects["person"] for event in told} == {str(night.egger.pseudonym)}
    assert {event.agent["person"] for event in told} == {str(night.kreis.registrar.pseudonym)}


def test_a_term_runs_out_by_itself_and_may_be_given_again(night: Night) -> None:
    appoint(night, night.egger, until=(timezone.now() + timedelta(hours=1)).isoformat())
    assert may_look(night.egger) == 404

    night.clock.advance(hours=1, minutes=1)

    assert may_look(night.egger) == 403
    assert appoint(night, night.egger).status_code == 201
    assert may_look(night.egger) == 404
    terms = AuditorTerm.objects.filter(membership__person=night.egger.id).order_by("started_at")
    assert [(term.end_reason, term.ended_at == term.until) for term in terms] == [("term_over", True), ("", True)]


def test_an_auditor_looks_and_does_not_appoint(night: Night) -> None:
    appoint(night, night.egger)

    answer = night.egger.post(f"members/{night.adler.id}/auditor", {"reason": "deputy"})

    assert (answer.status_code, answer.json()["code"]) == (403, "registrar.required")


def test_only_a_human_member_of_the_own_hospital(night: Night) -> None:
    registrar, body = night.kreis.registrar, {"reason": "deputy"}
    people = {"brandt": night.brandt.id, "former": night.former_colleague.id, "pending": night.pending.id}  # type: ignore[attr-defined]

    answers = {name: registrar.post(f"members/{person}/auditor", body).status_code for name, person in people.items()}

    assert answers == {"brandt": 404, "former": 404, "pending": 404}
    archive = registrar.post(f"members/{night.kreis.archive.id}/auditor", body)
    assert (archive.status_code, archive.json()["code"]) == (403, "actor.not_human")


def test_no_term_begins_in_the_past_or_twice(night: Night) -> None:
    past = appoint(night, night.egger, until=(timezone.now() - timedelta(minutes=1)).isoformat())
    assert (past.status_code, past.json()["code"]) == (400, "auditor.until_past")
    assert appoint(night, night.egger).status_code == 201

    again = appoint(night, night.egger)

    assert (again.status_code, again.json()["code"]) == (409, "auditor.known")


def test_two_registrars_at_once_make_one_term(night: Night) -> None:
    registrar, path = night.kreis.registrar, f"members/{night.egger.id}/auditor"
    calls = [registrar.posting(path, {"reason": "deputy"}) for _ in range(4)]

    answers = [answer.status_code for answer in night.at_once(*calls)]

    assert sorted(answers) == [201, 409, 409, 409]
    assert AuditorTerm.objects.filter(membership__person=night.egger.id).count() == 1


def test_whoever_leaves_is_no_auditor_any_more(night: Night) -> None:
    appoint(night, night.egger)
    assert night.kreis.registrar.post(f"members/{night.egger.id}/end").status_code == 200

    assert may_look(night.egger) == 401
    term = AuditorTerm.objects.get(membership__person=night.egger.id)
    assert (term.ended_at is not None, term.end_reason) == (True, "membership_ended")


@pytest.mark.parametrize("who", ["adler", "outsider"])
def test_who_is_neither_sees_nothing(night: Night, who: str) -> None:
    appoint(night, night.egger)

    assert night.person(who).get(LOG).json()["code"] == "auditor.required"


def test_an_auditor_of_one_hospital_is_none_of_another(night: Night) -> None:
    """The log is the own hospital's: the answer about it is the own log's, never the other one's."""
    appoint(night, night.egger)
    ended = night.uni.registrar.post(f"members/{night.egger.id}/auditor/end", {"reason": "mistake"})

    assert ended.status_code == 404
    assert may_look(night.egger) == 404


def test_the_end_of_what_never_was_is_not_found(night: Night) -> None:
    assert end(night, night.egger).status_code == 404
