"""The origin is told which of its open requests may be about the same need. Nobody else is."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from beds.models import Request


def asks(ward, *hospitals, by=None, **need):
    body = ward.body(*(hospitals or ["uni"]), by=by, **need)
    answer = (by or ward.night.adler).post("requests", body)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def similar(who, request):
    return who.get(f"requests/{request['id']}").json()["similar"]


def test_the_second_of_two_like_it_names_the_first_and_the_other_way_round(night, ward):
    first, second = asks(ward), asks(ward, "nord", by=night.conrad)

    assert (first["similar"], second["similar"]) == ([], [first["id"]])
    assert similar(night.adler, first) == [second["id"]]


def test_the_newest_comes_first(night, ward):
    first, second, third = (asks(ward) for _ in range(3))

    assert third["similar"] == [second["id"], first["id"]]


@pytest.mark.parametrize(
    ("one", "other", "are_similar"),
    [
        ({}, {"urgency": "routine", "capabilities": [], "transport_mode": "ground"}, True),
        ({}, {"age_band": ""}, True),
        ({"age_band": ""}, {}, True),
        ({"sex": "female"}, {"sex": ""}, True),
        ({"sex": "female"}, {"sex": "male"}, False),
        ({}, {"age_band": "child"}, False),
    ],
)
def test_what_counts_as_the_same_need(night, ward, one, other, are_similar):
    first, second = asks(ward, **one), asks(ward, **other)

    assert second["similar"] == ([first["id"]] if are_similar else [])


def test_another_category_is_another_need(night, ward):
    first = asks(ward)
    Request.objects.filter(pk=first["id"]).update(category="imc")

    assert asks(ward)["similar"] == []


@pytest.mark.parametrize(("hours", "are_similar"), [(23.9, True), (24.1, False)])
def test_only_within_a_day_of_each_other(night, ward, hours, are_similar):
    first = asks(ward)
    Request.objects.filter(pk=first["id"]).update(created_at=F("created_at") - timedelta(hours=hours))

    second = asks(ward)

    assert second["similar"] == ([first["id"]] if are_similar else [])
    assert similar(night.adler, first) == ([second["id"]] if are_similar else [])


def test_what_is_over_is_not_named(night, ward):
    first = asks(ward)
    night.adler.post(f"requests/{first['id']}/cancel", {"reason": "superseded"})

    assert asks(ward)["similar"] == []


def test_an_asked_hospital_is_told_nothing(night, ward):
    first, second = asks(ward), asks(ward)

    for request in (first, second):
        answer = night.brandt.get(f"requests/{request['id']}").json()
        assert answer["similar"] == []


def test_what_others_seek_is_not_named_not_even_what_they_ask_of_us(night, ward):
    theirs = asks(ward, "kreis", by=night.brandt)
    ours = asks(ward)

    assert (theirs["similar"], ours["similar"]) == ([], [])
    assert similar(night.adler, theirs) == []


def test_it_costs_no_query_more(night, ward):
    def queries(request):
        with CaptureQueriesContext(connection) as caught:
            similar(night.adler, request)
        return len(caught)

    first = asks(ward)
    alone = queries(first)
    for _ in range(3):
        asks(ward)

    assert len(similar(night.adler, first)) == 3
    assert queries(first) == alone
