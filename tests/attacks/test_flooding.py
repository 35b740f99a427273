"""Somebody without a sign-in, many times."""

from typing import Any
from uuid import uuid4

from django.contrib.sessions.models import Session

from audit.leaves import OPERATOR
from tests.cast import Night

TIMES = 120


def of_strangers(night: Night, route: str) -> list[Any]:
    return [event.detail for event in night.audit_of(OPERATOR) if event.detail.get("route", "").endswith(route)]


def test_strangers_cannot_fill_the_log_that_never_shrinks(night: Night) -> None:
    route = "conversations/<uuid:conversation_id>/epochs"
    before = len(of_strangers(night, route))

    for _ in range(TIMES):
        assert night.anonymous.get(f"conversations/{uuid4()}/epochs").status_code == 401

    written = of_strangers(night, route)[before:]
    assert 1 <= len(written) <= 8  # the 1st, 10th and 100th; twice if the minute turned
    assert written[0]["code"] == "not_authenticated"
    assert written[-1]["count"] >= 10


def test_a_former_colleague_cannot_fill_the_hospitals(night: Night) -> None:
    for _ in range(TIMES):
        assert night.former_colleague.get("directory").status_code == 401

    written = [event for event in night.audit_of(night.kreis) if event.action == "identity.come_back"]
    assert 1 <= len(written) <= 8
    assert written[0].agent["person"] == str(night.former_colleague.pseudonym)


def test_what_a_colleague_is_refused_is_recorded_each_time(night: Night) -> None:
    for _ in range(12):
        night.adler.get(f"requests/{uuid4()}")

    refused = [event for event in night.audit_of(night.kreis) if event.action == "api.refused"]
    assert [event.agent["person"] for event in refused] == [str(night.adler.pseudonym)] * 12


def test_looking_and_failing_makes_no_session(night: Night) -> None:
    before = Session.objects.count()

    for _ in range(5):
        night.anonymous.get("session")
        night.anonymous.post("session", {})
        night.anonymous.post("invitations/look", {"token": "a"})

    assert Session.objects.count() == before
