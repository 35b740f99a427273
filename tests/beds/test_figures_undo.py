"""Taking back one's own last report: the former figure, as old as it was."""

from datetime import timedelta

import pytest

from beds.models import Capacity, FigureReport

FIGURES = {"staffed": 8, "occupied": 5, "blocked": 1}
ON_THE_WAY = ("acknowledge", "hold", "confirm", "arrange-transport", "depart")


@pytest.fixture
def url(ward):
    return f"capacities/{ward.figures['uni'].pk}"


@pytest.fixture
def reported(night, ward, url):
    """Brandt's report over an opened figure; gives the figure as it was."""
    before = ward.figure("uni")
    assert night.brandt.put(url, FIGURES | {"assessment": "limited", "limits": ["staff"]}, If_Match="1").status_code == 200
    return before


def code(answer):
    return answer.status_code, answer.json()["code"]


def test_the_former_figure_is_back_with_its_age_and_reporter(night, ward, url, reported):
    answer = night.brandt.post(f"{url}/undo", If_Match="2")

    assert answer.status_code == 200
    assert ward.figure("uni") == reported | {"version": 3}
    assert Capacity.objects.get(pk=ward.figures["uni"].pk).reporter_id is None


def test_both_stay_in_the_history_and_in_the_log(night, ward, url, reported):
    night.brandt.post(f"{url}/undo", If_Match="2")

    kept = FigureReport.objects.filter(capacity=ward.figures["uni"].pk).order_by("version")
    assert [(row.cause, row.occupied) for row in kept] == [("opened", 2), ("report", 5), ("undo", 2)]
    assert night.actions_of(night.uni)[-2:] == ["beds.report_figure", "beds.undo_report"]


def test_an_undo_is_not_undone(night, ward, url, reported):
    night.brandt.post(f"{url}/undo", If_Match="2")

    assert code(night.brandt.post(f"{url}/undo", If_Match="3")) == (409, "capacity.nothing_to_undo")


def test_what_was_opened_has_nothing_before_it(night, url):
    assert code(night.brandt.post(f"{url}/undo", If_Match="1")) == (409, "capacity.nothing_to_undo")


def test_only_the_reporter_takes_it_back(night, ward, url, reported):
    assert code(night.dorn.post(f"{url}/undo", If_Match="2")) == (409, "capacity.nothing_to_undo")
    assert ward.figure("uni")["occupied"] == 5


def test_not_after_ten_minutes(night, ward, url, reported, monkeypatch):
    monkeypatch.setattr("beds.services.undo.UNDO_WITHIN", timedelta(0))

    assert code(night.brandt.post(f"{url}/undo", If_Match="2")) == (409, "capacity.nothing_to_undo")


def test_after_anothers_report_it_is_too_late(night, ward, url, reported):
    night.dorn.put(url, FIGURES | {"occupied": 6}, If_Match="2")

    answer = night.brandt.post(f"{url}/undo", If_Match="2")

    assert (*code(answer), answer.json()["version"]) == (412, "capacity.changed", 3)
    assert ward.figure("uni")["occupied"] == 6


def test_after_an_arrival_too(night, ward, url):
    asked = ward.asks("uni").at("uni", *ON_THE_WAY)
    night.brandt.put(url, FIGURES, If_Match="1")
    asked.at("uni", "arrive")

    assert code(night.brandt.post(f"{url}/undo", If_Match="2")) == (412, "capacity.changed")
    assert ward.figure("uni")["occupied"] == 6


def test_a_bed_promised_meanwhile_is_not_undone_away(night, ward, url, reported):
    """6 staffed, 2 occupied, 1 blocked before; 8 staffed after: with four promised the former figure is too small."""
    night.brandt.put(url, {"staffed": 9, "occupied": 2, "blocked": 1}, If_Match="2")
    night.brandt.put(url, {"staffed": 6, "occupied": 2, "blocked": 1}, If_Match="3")
    night.brandt.put(url, {"staffed": 9, "occupied": 2, "blocked": 1}, If_Match="4")
    for _ in range(4):
        ward.asks("uni").at("uni", "acknowledge", "hold")

    answer = night.brandt.post(f"{url}/undo", If_Match="5")

    assert (*code(answer), answer.json()["held"]) == (400, "capacity.out_of_bounds", 4)


def test_two_reporters_at_once_one_is_told(night, ward, url, reported):
    """Brandt takes back, Dorn reports: whoever is second has seen another version."""
    answers = night.at_once(
        night.brandt.posting(f"{url}/undo", If_Match="2"), night.dorn.putting(url, FIGURES | {"occupied": 7}, If_Match="2")
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert ward.figure("uni")["occupied"] == (2 if answers[0].status_code == 200 else 7)
    assert ward.figure("uni")["version"] == 3


def test_twice_at_once_is_once(night, ward, url, reported):
    answers = night.at_once(*(night.brandt.posting(f"{url}/undo", If_Match="2") for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert FigureReport.objects.filter(capacity=ward.figures["uni"].pk, cause="undo").count() == 1


@pytest.mark.parametrize("who", ["adler", "north", "outsider", "former_colleague", "revoked_device", "pending", "anonymous"])
def test_elsewhere_there_is_no_such_figure(night, ward, url, reported, who):
    assert night.person(who).post(f"{url}/undo", If_Match="2").status_code in (401, 403, 404)
    assert ward.figure("uni")["occupied"] == 5


def test_an_archive_takes_nothing_back(night, url, reported):
    assert code(night.uni.archive.post(f"{url}/undo", If_Match="2")) == (403, "actor.not_human")
