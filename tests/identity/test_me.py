"""A person's own settings: the quiet hours."""

from typing import Any

import pytest
from django.db import IntegrityError

from identity.models import Person
from tests.cast import Night

HOURS = {"quiet_from": "22:00", "quiet_until": "06:30"}


def test_they_begin_unset_in_the_hospitals_time_zone(night: Night) -> None:
    assert night.adler.get("me").json() == {"quiet_from": None, "quiet_until": None, "time_zone": "Europe/Berlin"}


def test_they_are_set_and_cleared_by_oneself_alone(night: Night) -> None:
    answer = night.adler.patch("me", HOURS)

    assert (answer.status_code, answer.json()) == (200, HOURS | {"time_zone": "Europe/Berlin"})
    assert night.adler.get("me").json() == answer.json()
    assert night.conrad.get("me").json()["quiet_from"] is None
    cleared = night.adler.patch("me", dict.fromkeys(HOURS))
    assert (cleared.status_code, cleared.json()["quiet_from"], cleared.json()["quiet_until"]) == (200, None, None)


@pytest.mark.parametrize(
    "hours",
    [
        {"quiet_from": "22:00", "quiet_until": None},
        {"quiet_from": None, "quiet_until": "06:00"},
        {"quiet_from": "22:00", "quiet_until": "22:00"},
    ],
)
def test_a_beginning_needs_another_end(night: Night, hours: dict[str, Any]) -> None:
    answer = night.adler.patch("me", hours)

    assert (answer.status_code, answer.json()["code"]) == (400, "quiet.hours")


@pytest.mark.parametrize(
    "hours", [{}, {"quiet_from": "22:00"}, {"quiet_from": "late", "quiet_until": "06:00"}, HOURS | {"quiet_from": "25:00"}]
)
def test_what_is_no_time_is_refused(night: Night, hours: dict[str, Any]) -> None:
    answer = night.adler.patch("me", hours)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("hours", [{"quiet_from": "22:00"}, {"quiet_from": "22:00", "quiet_until": "22:00"}])
def test_the_database_keeps_them_whole(night: Night, hours: dict[str, str]) -> None:
    with pytest.raises(IntegrityError, match="person_quiet_hours_whole"):
        Person.objects.filter(pk=night.adler.id).update(**hours)


def test_the_log_says_that_they_were_set_and_not_when_somebody_sleeps(night: Night) -> None:
    night.adler.patch("me", HOURS)
    night.adler.get("me")

    change, look = night.audit_of(night.kreis)[-2:]
    assert (change.action, change.detail, change.agent["person"]) == (
        "identity.change_settings",
        {"quiet_hours": "set"},
        str(night.adler.pseudonym),
    )
    assert (look.action, look.detail) == ("identity.read_settings", {})


def test_an_archive_does_not_sleep(night: Night) -> None:
    answer = night.kreis.archive.patch("me", HOURS)

    assert (answer.status_code, answer.json()["code"]) == (403, "actor.not_human")


@pytest.mark.parametrize("who", ["former_colleague", "revoked_device", "pending", "anonymous"])
def test_for_those_outside_there_are_none(night: Night, who: str) -> None:
    assert night.person(who).get("me").status_code in (401, 403)
    assert night.person(who).patch("me", HOURS).status_code in (401, 403)
