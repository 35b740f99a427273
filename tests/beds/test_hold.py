"""Offering a bed: one promise, for a time, and never more than there are."""

from datetime import datetime
from uuid import uuid4

import pytest

from beds.models import Bed, Capacity, Hold
from identity.models import Unit


@pytest.fixture
def ready(ward):
    return ward.asks("uni").at("uni", "acknowledge")


def minutes_left(candidate):
    return (datetime.fromisoformat(candidate["hold"]["expires_at"]) - datetime.fromisoformat(candidate["changed_at"])).total_seconds() / 60


def test_a_bed_is_held_for_half_an_hour(ward, ready):
    answer = ready.take("uni", "hold").json()

    assert answer["state"] == "held"
    assert answer["hold"]["capacity"] == str(ward.figures["uni"].pk)
    assert minutes_left(answer) == pytest.approx(30, abs=0.1)
    unit = ward.figure("uni")
    assert (unit["held"], unit["available"]) == (1, 2)


@pytest.mark.parametrize("minutes", [15, 60])
def test_or_for_another_of_the_three_times(ready, minutes):
    assert minutes_left(ready.take("uni", "hold", hold_minutes=minutes).json()) == pytest.approx(minutes, abs=0.1)


@pytest.mark.parametrize("minutes", [0, 16, 10_000, "ever"])
def test_and_no_other(ready, minutes):
    answer = ready.take("uni", "hold", hold_minutes=minutes)

    assert (answer.status_code, ready.states()) == (400, {"uni": "acknowledged"})


def test_the_last_bed_is_promised_and_no_further(ward):
    for _ in range(3):
        ward.asks("uni").at("uni", "acknowledge", "hold")
    late = ward.asks("uni").at("uni", "acknowledge")

    answer = late.take("uni", "hold")

    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "capacity.full", "acknowledged")
    assert late.states() == {"uni": "acknowledged"}
    assert late.history("uni") == ["acknowledge"]
    assert ward.figure("uni")["available"] == 0


def test_a_hold_that_ran_out_blocks_nobody_though_no_sweeper_ran(ward):
    held = [ward.asks("uni").at("uni", "acknowledge", "hold") for _ in range(3)]
    held[1].run_out("uni")

    assert ward.figure("uni")["held"] == 2
    assert ward.asks("uni").at("uni", "acknowledge", "hold").states() == {"uni": "held"}


def test_two_who_reach_for_the_last_bed(night, ward):
    Capacity.objects.filter(pk=ward.figures["uni"].pk).update(occupied=4)
    first, second = (ward.asks("uni").at("uni", "acknowledge") for _ in range(2))

    answers = night.at_once(*(asked.taking("uni", "hold") for asked in (first, second)))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert Hold.objects.filter(capacity=ward.figures["uni"]).count() == 1


def test_a_single_bed_is_held_once(night, ward, ready):
    bed = Bed.objects.create(unit_id=night.uni.unit_id, category="icu-high", label="7")
    ready.take("uni", "hold", bed=str(bed.pk))
    second = ward.asks("uni").at("uni", "acknowledge")

    answer = second.take("uni", "hold", bed=str(bed.pk))

    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "bed.taken", "acknowledged")
    assert second.take("uni", "hold").status_code == 200


@pytest.mark.parametrize("status", sorted(set(Bed.Status.values) - {"U"}))
def test_a_bed_that_is_not_free_is_not_promised(night, ready, status):
    bed = Bed.objects.create(unit_id=night.uni.unit_id, category="icu-high", label="7", status=status)

    answer = ready.take("uni", "hold", bed=str(bed.pk))

    assert (answer.status_code, answer.json()["code"]) == (409, "bed.taken")


def test_another_hospitals_beds_are_not_there(night, ward, ready):
    foreign = Bed.objects.create(unit_id=night.nord.unit_id, category="icu-high", label="7")

    figure = ready.take("uni", "hold", capacity=str(ward.figures["nord"].pk))
    bed = ready.take("uni", "hold", bed=str(foreign.pk))
    unknown = ready.take("uni", "hold", capacity=str(uuid4()))

    assert (figure.status_code, bed.status_code) == (404, 404)
    assert figure.json() == unknown.json()
    assert ready.states() == {"uni": "acknowledged"}


def test_with_two_units_the_doctor_says_which(night, ward, ready):
    second = Unit.objects.create(hospital_id=night.uni.id, name="Intensive care 2")
    other = Capacity.objects.create(unit=second, category="icu-high", staffed=1)

    assert ready.take("uni", "hold", capacity=str(other.pk)).json()["hold"]["unit"] == str(second.pk)
