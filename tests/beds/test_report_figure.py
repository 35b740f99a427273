"""Reporting a unit's figure by hand."""

from uuid import uuid4

import pytest

from audit.models import IndexEntry
from beds.models import Capacity

FIGURES = {"staffed": 8, "occupied": 5, "blocked": 1}


@pytest.fixture
def url(ward):
    return f"capacities/{ward.figures['uni'].pk}"


def stored(ward):
    found = Capacity.objects.get(pk=ward.figures["uni"].pk)
    return found.staffed, found.occupied, found.blocked, found.version


def test_the_board_shows_it_at_once(night, ward, url):
    answer = night.brandt.put(url, FIGURES, If_Match="1")

    assert (answer.status_code, answer.json()["available"], answer.json()["version"]) == (200, 2, 2)
    unit = ward.figure("uni")
    assert (unit["staffed"], unit["available"], unit["is_stale"]) == (8, 2, False)
    assert Capacity.objects.get(pk=ward.figures["uni"].pk).reporter_id == night.brandt.id


def test_the_log_has_it(night, ward, url):
    night.brandt.put(url, FIGURES, If_Match="1")

    [entry] = IndexEntry.objects.filter(subjects__contains=[ward.figures["uni"].pk])
    assert (entry.action, entry.agent, entry.hospitals) == ("beds.report_figure", night.brandt.pseudonym, [night.uni.id])


def test_what_somebody_wrote_meanwhile_is_not_overwritten(night, ward, url):
    night.brandt.put(url, FIGURES, If_Match="1")

    answer = night.dorn.put(url, FIGURES | {"occupied": 0}, If_Match="1")

    assert (answer.status_code, answer.json()["code"], answer.json()["version"]) == (412, "capacity.changed", 2)
    assert stored(ward) == (8, 5, 1, 2)


def test_of_two_at_once_one_is_written(night, ward, url):
    def reporting(who, occupied):
        client = who.new_client()
        headers = {"Idempotency-Key": str(uuid4()), "X-CSRFToken": client.cookies["csrftoken"].value, "If-Match": "1"}
        body = FIGURES | {"occupied": occupied}
        return lambda: client.put(f"/api/v1/{url}", data=body, content_type="application/json", headers=headers)

    answers = night.at_once(reporting(night.brandt, 3), reporting(night.dorn, 4))

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert stored(ward)[3] == 2


@pytest.mark.parametrize(
    "figures",
    [(4, 5, 0), (4, 2, 3), (0, 0, 1), (-1, 0, 0), (10_001, 0, 0), ("four", 0, 0)],
)
def test_out_of_bounds_is_refused(night, ward, url, figures):
    answer = night.brandt.put(url, dict(zip(FIGURES, figures, strict=True)), If_Match="1")

    assert (answer.status_code, answer.json()["code"] in ("capacity.out_of_bounds", "invalid")) == (400, True)
    assert stored(ward) == (6, 2, 1, 1)


def test_promised_beds_are_not_reported_away(night, ward, url):
    asked = [ward.asks("uni").at("uni", "acknowledge", "hold") for _ in range(2)]

    answer = night.brandt.put(url, {"staffed": 6, "occupied": 4, "blocked": 1}, If_Match="1")

    assert (answer.status_code, answer.json()["code"], answer.json()["held"]) == (400, "capacity.out_of_bounds", 2)
    asked[0].run_out("uni")
    assert night.brandt.put(url, {"staffed": 6, "occupied": 4, "blocked": 1}, If_Match="1").status_code == 200


def test_without_the_version_seen_nothing_is_written(night, ward, url):
    answer = night.brandt.put(url, FIGURES)

    assert (answer.status_code, answer.json()["code"]) == (400, "capacity.version_missing")


def test_a_retry_with_its_key_is_written_once(night, ward, url):
    key = uuid4()

    first, second = (night.brandt.put(url, FIGURES, key=key, If_Match="1") for _ in range(2))

    assert first.json() == second.json()
    assert stored(ward)[3] == 2


@pytest.mark.parametrize("who", ["adler", "north", "outsider", "former_colleague", "revoked_device", "pending", "anonymous"])
def test_of_another_hospital_it_is_not_there(night, ward, url, who):
    answer = night.person(who).put(url, FIGURES, If_Match="1")

    assert answer.status_code in (401, 403, 404)
    assert (who != "adler") or answer.json() == night.adler.put(f"capacities/{uuid4()}", FIGURES, If_Match="1").json()
    assert stored(ward) == (6, 2, 1, 1)
