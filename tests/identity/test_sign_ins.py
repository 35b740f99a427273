"""The list of the own sign-ins, and ending them from elsewhere."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.identity.browser import Browser


@pytest.fixture
def tablet(night) -> Browser:
    """Adler's second device, signed in."""
    return Browser().becomes(night.adler)


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def rows(caller) -> dict[str, dict]:
    return {row["device"]: row for row in caller.get("sign-ins").json()["results"]}


def test_shows_where_one_is_signed_in_and_which_one_this_is(night, tablet):
    Browser().becomes(night.brandt)
    listed = rows(night.adler)

    assert {device: row["is_this"] for device, row in listed.items()} == {str(night.adler.device_id): True, str(tablet.device_id): False}
    assert (listed[str(tablet.device_id)]["label"], listed[str(tablet.device_id)]["method"]) == ("phone", "passkey")
    assert night.actions_of(night.kreis)[-1] == "identity.read_sign_ins"


def test_shows_none_that_has_ended(night, tablet):
    assert tablet.delete("session").status_code == 204
    assert str(tablet.device_id) not in rows(night.adler)

    night.clock.advance(hours=11)
    tablet.signs_in()
    night.clock.advance(hours=2)

    assert set(rows(tablet)) == {str(tablet.device_id)}


def test_ends_one_of_them_at_once(night, tablet, ear):
    ending = rows(night.adler)[str(tablet.device_id)]["id"]

    assert [night.adler.post(f"sign-ins/{ending}/end").json() for _ in range(2)] == [{"ended": 1}, {"ended": 0}]

    assert code(tablet.get("duty")) == (401, "session.ended")
    assert len(ear.frames("!", ending)) == 1
    event = night.audit_of(night.kreis)[-2]
    assert (event.action, event.subjects) == ("identity.end_sign_in", {"device": str(tablet.device_id), "sign_in": ending})
    assert tablet.signs_in().status_code == 200


def test_ends_all_the_others(night, tablet):
    laptop = Browser().becomes(night.adler)
    stranger = Browser().becomes(night.conrad)

    answer = tablet.post("sign-ins/end-others")

    assert answer.json() == {"ended": 2}
    assert [each.get("duty").status_code for each in (tablet, laptop, night.adler, stranger)] == [200, 401, 401, 200]


def test_nobody_ends_another_persons(night, tablet):
    theirs = rows(night.adler)[str(tablet.device_id)]["id"]

    for who in (night.conrad, night.kreis.registrar, night.brandt):
        assert who.post(f"sign-ins/{theirs}/end").content == who.post(f"sign-ins/{uuid4()}/end").content
    assert tablet.get("duty").status_code == 200


def test_last_seen_is_kept_to_within_five_minutes(night, tablet):
    before = rows(night.adler)[str(tablet.device_id)]["last_seen_at"]
    night.clock.advance(minutes=4)
    tablet.get("duty")
    assert rows(night.adler)[str(tablet.device_id)]["last_seen_at"] == before

    night.clock.advance(minutes=2)
    tablet.get("duty")

    assert rows(night.adler)[str(tablet.device_id)]["last_seen_at"] > before


def test_the_list_takes_as_many_queries_however_long_it_is(night, tablet):
    with CaptureQueriesContext(connection) as few:
        night.adler.get("sign-ins")
    for _ in range(3):
        Browser().becomes(night.adler)
    with CaptureQueriesContext(connection) as many:
        night.adler.get("sign-ins")

    assert len(many) == len(few)
