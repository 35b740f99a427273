"""Confirming an offer: one hospital has promised one bed, the others are free again."""

import pytest

from beds.models import Candidate, Capacity, Hold
from beds.services import sweep


@pytest.fixture
def held(ward):
    """Adler asked three; uni and nord hold a bed for her, mitte has acknowledged."""
    asked = ward.asks("uni", "nord", "mitte")
    return asked.at("uni", "acknowledge", "hold").at("nord", "acknowledge", "hold").at("mitte", "acknowledge")


def test_takes_one_bed_and_withdraws_the_others(night, ward, held):
    answer = held.take("uni", "confirm")

    assert (answer.status_code, answer.json()["state"], answer.json()["hold"]["expires_at"]) == (200, "confirmed", None)
    assert held.states() == {"uni": "confirmed", "nord": "withdrawn", "mitte": "withdrawn"}
    assert held.row("nord").reason == "other-hospital-confirmed"
    assert (ward.figure("uni")["held"], ward.figure("nord")["held"]) == (1, 0)


def test_each_hospital_reads_its_own_part_in_its_log(night, held):
    held.take("uni", "confirm")

    assert [event.action for event in held.audited("nord")][-1] == "beds.withdraw"
    assert held.audited("uni")[-1].hospitals == {night.kreis.id, night.uni.id}
    assert held["nord"] not in str(night.audit_of(night.uni))
    assert held["uni"] not in str(night.audit_of(night.nord))


def test_of_two_confirmations_at_once_one_wins(night, ward):
    asked = ward.asks("uni", "nord", role=night.kreis.role).at("uni", "acknowledge", "hold").at("nord", "acknowledge", "hold")

    answers = night.at_once(*(asked.taking(name, "confirm") for name in ("uni", "nord")))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert sorted(asked.states().values()) == ["confirmed", "withdrawn"]
    [refused] = [answer.json() for answer in answers if answer.status_code == 409]
    assert (refused["code"], refused["state"]) == ("request.already_confirmed", "withdrawn")


def test_a_second_hospital_is_not_confirmed_beside_the_first(held):
    held.at("uni", "confirm")

    answer = held.take("nord", "confirm")

    assert (answer.status_code, answer.json()["code"]) == (409, "request.already_confirmed")
    assert held.states()["nord"] == "withdrawn"


def test_an_offer_that_ran_out_is_refused_and_nothing_changes(held):
    held.run_out("uni")

    answer = held.take("uni", "confirm")

    assert (answer.status_code, answer.json()["code"]) == (409, "offer.expired")
    assert held.states() == {"uni": "held", "nord": "held", "mitte": "acknowledged"}
    assert held.history("nord") == ["acknowledge", "hold"]


def test_an_offer_that_the_clock_ended_says_the_same(held):
    held.run_out("uni")
    sweep()

    answer = held.take("uni", "confirm")

    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "offer.expired", "expired")
    assert held.at("nord", "confirm").states()["nord"] == "confirmed"


def test_a_phone_is_not_offered_what_ran_out(night, held):
    night.clock.advance(minutes=31)

    seen = {row["id"]: row["actions"] for row in night.adler.get(f"requests/{held.id}").json()["candidates"]}

    assert "confirm" not in seen[held["uni"]]
    assert "withdraw" in seen[held["uni"]]


def test_a_bed_promised_again_meanwhile_stays_with_the_next(night, ward, held):
    Capacity.objects.filter(pk=ward.figures["uni"].pk).update(occupied=4)
    held.run_out("uni")
    next_one = ward.asks("uni").at("uni", "acknowledge", "hold")

    assert held.take("uni", "confirm").json()["code"] == "offer.expired"
    assert next_one.at("uni", "confirm").states() == {"uni": "confirmed"}
    assert ward.figure("uni")["available"] == 0


def test_confirmed_it_stands_past_its_first_end(night, held):
    held.at("uni", "confirm")

    assert Hold.objects.get(candidate=held["uni"]).during.upper is None
    assert Candidate.objects.get(pk=held["uni"]).state == "confirmed"


def test_what_is_only_acknowledged_is_not_confirmed(held):
    answer = held.take("mitte", "confirm")

    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "candidate.wrong_state", "acknowledged")
    assert held.states() == {"uni": "held", "nord": "held", "mitte": "acknowledged"}
