"""Lists and details: each hospital its own, in a constant number of queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.serializers import ListSerializer, Serializer

from beds import serializers


def listed(who, **query):
    page = who.get("requests?" + "&".join(f"{name}={value}" for name, value in query.items()))
    assert page.status_code == 200
    return {row["id"]: row for row in page.json()["results"]}


def test_the_origin_sees_all_it_asked(night, ward):
    asked = ward.asks("uni", "nord")

    for who in (night.adler, night.conrad):
        candidates = listed(who)[asked.id]["candidates"]
        assert {row["id"] for row in candidates} == {asked["uni"], asked["nord"]}


def test_an_asked_hospital_sees_itself_alone(night, ward):
    asked = ward.asks("uni", "nord", "mitte").at("nord", "acknowledge", "hold")

    for path in ("requests", f"requests/{asked.id}"):
        answer = night.brandt.get(path)
        assert asked["uni"] in answer.content.decode()
        for hidden in (asked["nord"], asked["mitte"], night.nord.id, night.mitte.id, night.nord.role.id):
            assert str(hidden) not in answer.content.decode()


def test_when_the_others_end_an_asked_hospital_does_not_see(night, ward):
    asked = ward.asks("uni", "nord").at("uni", "decline")
    seen = listed(night.brandt)[asked.id]

    asked.at("nord", "decline")

    assert listed(night.brandt)[asked.id] == seen
    assert seen["closed_at"] == seen["candidates"][0]["changed_at"]
    assert asked.id not in listed(night.brandt, state="open")
    assert asked.id in listed(night.brandt, state="closed")


def test_open_and_closed(night, ward):
    going, ended = ward.asks("uni", "nord").at("uni", "decline"), ward.asks("uni").at("uni", "decline")

    assert set(listed(night.adler, state="open")) == {going.id}
    assert set(listed(night.adler, state="closed")) == {ended.id}
    assert set(listed(night.north, state="open")) == {going.id}
    assert set(listed(night.adler)) == {going.id, ended.id}


def test_pages_follow_each_other_newest_first(night, ward):
    made = [str(candidates[0].request_id) for candidates in ward.many(7, "uni")]
    seen, url = [], "requests?limit=3"
    while url:
        page = night.adler.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"] and page["next"].replace("http://localhost:8000", "")

    assert seen == made[::-1]


def test_a_hundred_rows_cost_as_many_queries_as_one(night, ward):
    def queries(path):
        with CaptureQueriesContext(connection) as caught:
            assert night.adler.get(path).status_code == 200
        return len(caught)

    [[one]] = ward.many(1, "uni")
    few = queries("requests"), queries(f"requests/{one.request_id}")
    ward.many(20, "uni", "nord", "mitte")
    many = ward.asks("uni", "nord", "mitte").at("uni", "acknowledge", "hold").at("nord", "acknowledge", "request-info", "answer-info")

    assert (queries("requests"), queries(f"requests/{many.id}")) == few
    # Who is it (one); BEGIN, the requests, their candidates with holds, offers, chains, alarms, for one the history, audit event, COMMIT.
    assert few == (7, 8)


def test_what_is_shown_has_the_names_of_the_shape(night, ward):
    """The views give plain values; the serializers describe them. None is forgotten on one side, in whatever state a candidate is."""
    ward.asks("uni", "nord", "mitte").at("uni", "acknowledge", "hold")
    asked = ward.asks("uni", "nord", "mitte").at("uni", "acknowledge", "hold", "confirm").at("uni", "arrange-transport")

    for who in (night.adler, night.brandt):
        [*listed, detail] = [*who.get("requests").json()["results"], who.get(f"requests/{asked.id}").json()]
        assert len(listed) == 2
        for row in listed:
            assert_shaped(row, serializers.RequestOut())
        assert_shaped(detail, serializers.RequestDetail())


def assert_shaped(value, shape):
    if isinstance(shape, ListSerializer):
        for one in value:
            assert_shaped(one, shape.child)
    elif isinstance(shape, Serializer) and value is not None:
        assert list(value) == list(shape.fields)
        for name, field in shape.fields.items():
            assert_shaped(value[name], field)


def test_looking_is_in_the_logs_and_not_in_those_of_the_others_asked(night, ward):
    asked = ward.asks("uni", "nord")
    before = night.actions_of(night.nord)

    night.brandt.get("requests")
    night.brandt.get(f"requests/{asked.id}")

    listing, detail = night.audit_of(night.uni)[-2:]
    assert (listing.action, listing.detail, listing.agent["person"]) == ("beds.read_requests", {"rows": 1}, str(night.brandt.pseudonym))
    assert (detail.action, detail.subjects) == ("beds.read_request", {"request": asked.id})
    assert night.audit_of(night.kreis)[-1] == detail
    assert night.actions_of(night.nord) == before


@pytest.mark.parametrize(("path", "service"), [("board", "board"), ("requests", "reading"), ("requests/{id}", "reading")])
def test_when_the_look_cannot_be_recorded_nothing_is_shown(night, ward, monkeypatch, path, service):
    asked = ward.asks("uni")

    def broken(**_):
        raise RuntimeError("no audit")

    monkeypatch.setattr(f"beds.services.{service}.record", broken)
    with pytest.raises(RuntimeError, match="no audit"):
        night.adler.get(path.format(id=asked.id))


def test_its_conversation_names_the_request_also_when_it_is_over(night, ward):
    asked = ward.asks("uni").at("uni", "decline")

    for who in (night.adler, night.brandt):
        [talk] = [row for row in who.get("sync").json()["conversations"] if row["candidate"] == asked["uni"]]
        assert talk["request"] == asked.id


def test_the_detail_has_the_history(night, ward):
    asked = ward.asks("uni").at("uni", "acknowledge", "hold")

    [candidate] = night.adler.get(f"requests/{asked.id}").json()["candidates"]

    steps = [(row["action"], row["source"], row["target"], row["person"], row["role"]) for row in candidate["transitions"]]
    brandt = (str(night.brandt.id), str(night.uni.role.id))
    assert steps == [("acknowledge", "submitted", "acknowledged", *brandt), ("hold", "acknowledged", "held", *brandt)]


@pytest.mark.parametrize("who", ["north", "outsider"])
def test_what_was_not_asked_of_you_is_not_there(night, ward, who):
    asked = ward.asks("uni")

    assert night.person(who).get(f"requests/{asked.id}").status_code == 404
    assert asked.id not in listed(night.person(who))


@pytest.mark.parametrize("who", ["former_colleague", "revoked_device", "pending", "anonymous"])
@pytest.mark.parametrize("path", ["requests", "requests/{id}"])
def test_for_those_outside_there_is_no_list(night, ward, who, path):
    asked = ward.asks("uni")

    assert night.person(who).get(path.format(id=asked.id)).status_code in (401, 403)
