"""From the confirmed bed to the arrival: one tap each, and the board true all the way."""

import pytest

from beds.models import Bed, Capacity, Request

ON_THE_WAY = ("acknowledge", "hold", "confirm", "arrange-transport", "depart")


def test_the_whole_way(ward):
    asked = ward.asks("uni").at("uni", *ON_THE_WAY, "arrive")

    assert asked.history("uni") == [*ON_THE_WAY, "arrive"]
    assert Request.objects.get(pk=asked.id).closed_at is not None


def test_the_bed_is_taken_before_during_and_after(ward):
    asked = ward.asks("uni")
    seen = []
    for action in ("acknowledge", *ON_THE_WAY[1:], "arrive"):
        asked.at("uni", action)
        unit = ward.figure("uni")
        seen.append((unit["occupied"], unit["held"], unit["available"]))

    assert seen == [(2, 0, 3), (2, 1, 2), (2, 1, 2), (2, 1, 2), (2, 1, 2), (3, 0, 2)]


def test_the_arrival_changes_the_version_so_that_no_old_figure_overwrites_it(night, ward):
    seen = ward.figure("uni")["version"]
    ward.asks("uni").at("uni", *ON_THE_WAY, "arrive")

    answer = night.brandt.put(f"capacities/{ward.figures['uni'].pk}", {"staffed": 6, "occupied": 2, "blocked": 1}, If_Match=str(seen))

    assert answer.status_code == 412


@pytest.mark.parametrize("source", ["adt", "api"])
def test_a_figure_fed_by_the_hospital_is_left_to_the_admission(ward, source):
    Capacity.objects.filter(pk=ward.figures["uni"].pk).update(source=source)

    ward.asks("uni").at("uni", *ON_THE_WAY, "arrive")

    unit = ward.figure("uni")
    assert (unit["occupied"], unit["held"]) == (2, 0)


def test_a_single_bed_is_occupied_on_arrival(night, ward):
    bed = Bed.objects.create(unit_id=night.uni.unit_id, category="icu-high", label="7")
    asked = ward.asks("uni").at("uni", "acknowledge")
    asked.take("uni", "hold", bed=str(bed.pk))

    asked.at("uni", "confirm", "arrange-transport", "depart", "arrive")

    bed.refresh_from_db()
    assert bed.status == Bed.Status.OCCUPIED


@pytest.mark.parametrize("reason", ["unstable", "destination-closed", "other"])
def test_a_diversion_frees_the_bed(ward, reason):
    asked = ward.asks("uni").at("uni", *ON_THE_WAY)

    answer = asked.take("uni", "divert", reason=reason)

    assert (answer.json()["state"], answer.json()["hold"]) == ("diverted", None)
    assert ward.figure("uni")["available"] == 3


def test_the_origin_cannot_say_that_the_patient_arrived(night, ward):
    asked = ward.asks("uni").at("uni", *ON_THE_WAY)

    assert asked.take("uni", "arrive", by=night.adler).status_code == 403
    assert asked.states() == {"uni": "in-transit"}


def test_who_was_confirmed_can_still_fall_through(ward):
    """The others were withdrawn with the confirm: a new request is made, the table has no way back."""
    asked = ward.asks("uni", "nord").at("uni", "acknowledge", "hold", "confirm", "withdraw")

    assert asked.states() == {"uni": "withdrawn", "nord": "withdrawn"}
    assert Request.objects.get(pk=asked.id).closed_at is not None
