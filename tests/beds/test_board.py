"""The board: true, as old as it says, and asked for in two queries and an audit event."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.renderers import JSONRenderer

from beds.board_serializers import Board
from beds.models import Capacity
from identity.models import Duty, Hospital, Partnership, Unit


def test_shows_own_hospital_and_partners_and_nobody_else(night, ward):
    board = ward.board(night.adler)

    assert set(board) == {night.kreis.id, night.uni.id, night.nord.id, night.mitte.id}
    [unit] = board[night.uni.id]["units"]
    shown = {name: unit[name] for name in ("staffed", "occupied", "blocked", "held", "available", "is_stale", "source")}
    assert shown == {"staffed": 6, "occupied": 2, "blocked": 1, "held": 0, "available": 3, "is_stale": False, "source": "manual"}


def test_a_partnership_of_one_side_shows_nothing(night, ward):
    Partnership.objects.filter(hospital=night.uni.id, partner=night.kreis.id).update(ended_at=timezone.now())

    assert night.uni.id not in ward.board(night.adler)
    assert night.kreis.id not in ward.board(night.brandt)


def test_who_is_on_duty_is_a_role_and_not_a_person(night, ward):
    ward_of_uni = ward.board(night.adler)[night.uni.id]

    role = {"role": str(night.uni.role.id), "categories": ["icu-high", "icu-low"], "escalates_to": [], "on_duty": True}
    assert ward_of_uni["roles"] == [role]
    assert str(night.brandt.id) not in str(ward_of_uni)


def test_a_role_that_nobody_holds_is_shown_so(night, ward):
    Duty.objects.filter(role=night.uni.role.id).update(ended_at=timezone.now())

    assert ward.board(night.adler)[night.uni.id]["roles"][0]["on_duty"] is False


def test_distance_from_coordinates(night, ward):
    Hospital.objects.filter(pk=night.kreis.id).update(latitude=49.41, longitude=8.67)  # Heidelberg
    Hospital.objects.filter(pk=night.uni.id).update(latitude=49.49, longitude=8.47)  # Mannheim
    Hospital.objects.filter(pk=night.nord.id).update(latitude=53.55, longitude=9.99)  # Hamburg

    board = ward.board(night.adler)

    assert {place.name: board[place.id]["distance_km"] for place in (night.kreis, night.uni, night.nord, night.mitte)} == {
        "kreis": 0,
        "uni": 17,
        "nord": 469,
        "mitte": None,
    }
    assert list(board) == [night.kreis.id, night.uni.id, night.nord.id, night.mitte.id]


def test_past_the_hospitals_own_limit_a_figure_is_stale_and_last(night, ward):
    Hospital.objects.filter(pk=night.uni.id).update(figure_stale_after=timedelta(hours=2), latitude=49.41, longitude=8.67)
    Hospital.objects.filter(pk=night.kreis.id).update(latitude=49.41, longitude=8.67)
    Capacity.objects.exclude(pk=ward.figures["kreis"].pk).update(reported_at=timezone.now() - timedelta(hours=3))

    board = ward.board(night.adler)

    assert {key: row["units"][0]["is_stale"] for key, row in board.items()} == {
        night.kreis.id: False,
        night.uni.id: True,
        night.nord.id: False,
        night.mitte.id: False,
    }
    assert list(board)[-1] == night.uni.id


def test_not_reported_is_unknown_and_not_zero(night, ward):
    Unit.objects.filter(pk=night.uni.unit_id).update(closed_at=timezone.now())

    assert ward.board(night.adler)[night.uni.id]["units"] == []


def test_more_used_and_promised_than_staffed_shows_none_free(night, ward):
    """An ADT feed admits somebody into the last bed while it is promised: two facts, no negative bed."""
    ward.asks("uni").at("uni", "acknowledge", "hold")
    Capacity.objects.filter(pk=ward.figures["uni"].pk).update(occupied=5)

    unit = ward.figure("uni")

    assert (unit["held"], unit["available"]) == (1, 0)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"category": "icu-high"}, True),
        ({"category": "psych"}, False),
        ({"capability": "invasive-vent"}, True),
        ({"capability": "ecmo"}, False),
    ],
)
def test_filters_narrow_the_units(night, ward, filters, found):
    assert bool(ward.board(night.adler, **filters)[night.uni.id]["units"]) is found


def test_a_filter_that_is_no_code_is_refused(night, ward):
    assert night.adler.get("board?category=Intensiv").status_code == 400


def test_two_queries_whatever_the_hospitals(night, ward):
    def queries():
        with CaptureQueriesContext(connection) as caught:
            ward.board(night.adler)
        return [query["sql"] for query in caught if "identity_signin" not in query["sql"]]  # who asks is one more, for every view

    few = queries()
    units = Unit.objects.bulk_create([Unit(hospital_id=night.uni.id, name=f"Unit {n}") for n in range(20)])
    Capacity.objects.bulk_create(Capacity(unit=unit, category="icu-high", staffed=3) for unit in units)
    for _ in range(2):
        ward.asks("uni").at("uni", "acknowledge")
    many = queries()

    assert len(few) == len(many)
    assert [sql.split(" ")[0] for sql in many] == ["BEGIN", "SELECT", "SELECT", "WITH", "COMMIT"]


def test_it_is_given_in_the_shape_that_is_described(night, ward):
    """The view passes plain values by the serializers; here they have the last word."""
    Capacity.objects.filter(pk=ward.figures["uni"].pk).update(reserve_24h=1, limits=["staff"], age_bands=["adult"])
    given = night.adler.get("board").content

    shaped = JSONRenderer().render(Board(json.loads(given)).data)

    assert json.loads(given) == json.loads(shaped)


def test_looking_at_it_is_in_the_log(night, ward):
    ward.board(night.conrad)

    event = night.audit_of(night.kreis)[-1]
    assert (event.action, event.agent["person"]) == ("beds.read_board", str(night.conrad.pseudonym))


@pytest.mark.parametrize("who", ["former_colleague", "revoked_device", "pending", "anonymous"])
def test_for_those_outside_there_is_no_board(night, ward, who):
    assert night.person(who).get("board").status_code in (401, 403)
