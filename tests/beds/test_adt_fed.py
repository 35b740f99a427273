"""What the hospital's ADT feed counts: a fact, read-only by hand but for a recorded override."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from audit.events import Agent
from backend.errors import Conflict, NotFound
from beds.models import Bed, Capacity
from beds.occupancy import Fact, Kind
from beds.services import Told, report_from_feed, tell_beds
from beds.services.figures import Figures
from beds.services.opening import open_capacity
from beds.vocabulary import Source
from identity.models import Unit

FEED = Agent(method="adt")
COUNTS = {"staffed": 6, "occupied": 4, "blocked": 1}


@pytest.fixture
def url(ward):
    return f"capacities/{ward.figures['uni'].pk}"


@pytest.fixture
def tells(night, ward):
    """The feed's next message."""

    def tell(occupied, *, at=None, source=Source.ADT, capacity=None, hospital=None, **more):
        given = {
            "source": source,
            "agent": FEED,
            "at": at or timezone.now(),
            "hospital_id": hospital or night.uni.id,
            "capacity_id": capacity or ward.figures["uni"].pk,
        }
        return report_from_feed(occupied=occupied, **given, **more)

    return tell


def code(answer):
    return answer.status_code, answer.json()["code"]


def test_it_counts_and_nobody_typed(night, ward, tells):
    assert tells(4) is True

    unit = ward.figure("uni")
    assert (unit["occupied"], unit["blocked"], unit["available"], unit["source"], unit["override"]) == (4, 1, 1, "adt", "")
    event = night.audit_of(night.uni)[-1]
    assert (event.action, event.agent["method"], event.detail["given"]) == ("beds.report_figure", "adt", 4)


@pytest.mark.parametrize("source", [Source.ADT, Source.API])
def test_by_hand_it_is_read_only(night, ward, url, tells, source):
    tells(4, source=source)

    answer = night.brandt.put(url, COUNTS | {"occupied": 3}, If_Match="2")

    assert (*code(answer), answer.json()["reasons"]) == (409, "capacity.fed_by_adt", ["feed-down", "feed-wrong", "feed-ended"])
    unit = ward.figure("uni")
    assert (unit["occupied"], unit["source"]) == (4, source)


def test_what_the_feed_does_not_know_is_said_beside_it_and_the_count_keeps_its_age(night, ward, url, tells):
    tells(4)
    before = ward.figure("uni")

    answer = night.brandt.put(url, COUNTS | {"assessment": "limited", "limits": ["staff"], "reserve_24h": 1}, If_Match="2")

    assert answer.status_code == 200
    after = ward.figure("uni")
    assert (after["source"], after["reported_at"]) == ("adt", before["reported_at"])
    assert (after["assessment"], after["limits"], after["reserve_24h"]) == ("limited", ["staff"], 1)


def test_an_override_has_a_reason_that_everybody_sees(night, ward, url, tells):
    tells(4)

    answer = night.brandt.put(url, COUNTS | {"occupied": 3, "override": "feed-wrong"}, If_Match="2")

    assert answer.status_code == 200
    unit = ward.figure("uni")
    assert (unit["occupied"], unit["source"], unit["override"]) == (3, "manual", "feed-wrong")
    assert night.audit_of(night.uni)[-1].detail["override"] == "feed-wrong"
    assert [row.override for row in ward.figures["uni"].reports.order_by("version")] == ["", "", "feed-wrong"]


def test_while_it_stands_the_next_report_needs_no_reason_again(night, ward, url, tells):
    tells(4)
    night.brandt.put(url, COUNTS | {"override": "feed-down"}, If_Match="2")

    assert night.dorn.put(url, COUNTS | {"occupied": 5}, If_Match="3").status_code == 200
    assert ward.figure("uni")["override"] == "feed-down"


def test_the_feeds_next_report_ends_it(night, ward, url, tells):
    tells(4)
    night.brandt.put(url, COUNTS | {"occupied": 3, "override": "feed-down"}, If_Match="2")

    tells(5)

    unit = ward.figure("uni")
    assert (unit["occupied"], unit["source"], unit["override"]) == (5, "adt", "")
    assert code(night.brandt.put(url, COUNTS, If_Match="4")) == (409, "capacity.fed_by_adt")


def test_what_the_feed_sent_before_the_override_does_not_end_it(night, ward, url, tells):
    tells(4)
    late = timezone.now() - timedelta(minutes=5)
    night.brandt.put(url, COUNTS | {"occupied": 3, "override": "feed-wrong"}, If_Match="2")

    assert tells(2, at=late) is False
    assert ward.figure("uni")["occupied"] == 3


def test_an_override_is_taken_back_to_the_feed(night, ward, url, tells):
    tells(4)
    before = ward.figure("uni")
    night.brandt.put(url, COUNTS | {"occupied": 3, "override": "feed-wrong"}, If_Match="2")

    night.brandt.post(f"{url}/undo", If_Match="3")

    assert ward.figure("uni") == before | {"version": 4}


def test_an_older_message_changes_nothing(ward, tells):
    at = timezone.now()
    tells(4, at=at)

    assert tells(1, at=at - timedelta(milliseconds=1)) is False
    assert tells(1, at=at) is False, "the same message again"
    assert ward.figure("uni")["occupied"] == 4


def test_a_clock_ahead_makes_no_figure_young_for_ever(ward, tells):
    tells(4, at=timezone.now() + timedelta(days=300))

    assert Capacity.objects.get(pk=ward.figures["uni"].pk).reported_at <= timezone.now()


def test_a_patient_in_the_promised_bed_is_counted_and_the_promise_stands(ward, tells):
    """Two facts: the board shows none free, no negative bed, and nobody else is promised one."""
    asked = [ward.asks("uni").at("uni", "acknowledge", "hold") for _ in range(2)]

    tells(5)

    unit = ward.figure("uni")
    assert (unit["occupied"], unit["held"], unit["available"]) == (5, 2, 0)
    assert code(ward.asks("uni").at("uni", "acknowledge").take("uni", "hold")) == (409, "capacity.full")
    assert asked[0].at("uni", "confirm").states() == {"uni": "confirmed"}


def test_overbooked_it_can_still_be_judged(night, ward, url, tells):
    ward.asks("uni").at("uni", "acknowledge", "hold")
    tells(5)

    answer = night.brandt.put(url, {"staffed": 6, "occupied": 5, "blocked": 1, "assessment": "unavailable"}, If_Match="2")

    assert answer.status_code == 200


def test_one_on_the_corridor_fills_the_unit_and_the_log_has_the_number(night, ward, tells):
    tells(9)

    unit = ward.figure("uni")
    assert (unit["staffed"], unit["occupied"], unit["blocked"], unit["available"]) == (6, 5, 1, 0)
    assert night.audit_of(night.uni)[-1].detail["given"] == 9


def test_the_feed_may_tell_the_beds_too(ward, tells):
    tells(4, staffed=10, blocked=3)

    unit = ward.figure("uni")
    assert (unit["staffed"], unit["blocked"], unit["available"]) == (10, 3, 3)


def test_of_another_hospital_there_is_none(night, tells):
    with pytest.raises(NotFound):
        tells(4, hospital=night.kreis.id)
    with pytest.raises(NotFound):
        tells(4, capacity=uuid4())


@pytest.fixture
def single(night):
    unit = Unit.objects.create(hospital_id=night.uni.id, name="ITS 5")
    return open_capacity(unit_id=unit.pk, category="imc", figures=Figures(2, 0, 0), beds=["5-01", "5-02"])


@pytest.fixture
def bed_tells(night, single):
    def tell(label, status, at=None, hospital=None):
        bed, at = Bed.objects.get(unit=single.unit_id, label=label), at or timezone.now()
        told = [Told(bed.pk, Fact(Kind.STATUS, at, at, at, status))]
        return bool(tell_beds(source=Source.ADT, agent=FEED, hospital_id=hospital or night.uni.id, told=told))

    return tell


def test_a_bed_of_the_feed_counts_and_is_read_only(night, single, bed_tells):
    assert bed_tells("5-01", "O") is True

    single.refresh_from_db()
    assert (single.staffed, single.occupied, single.source) == (2, 1, "adt")
    bed = Bed.objects.get(unit=single.unit_id, label="5-02")
    assert code(night.brandt.put(f"beds/{bed.pk}", {"status": "O"}, If_Match="1")) == (409, "capacity.fed_by_adt")
    assert night.brandt.put(f"beds/{bed.pk}", {"status": "O", "override": "feed-down"}, If_Match="1").status_code == 200


def test_a_promised_bed_is_occupied_by_the_feed(ward, single, bed_tells):
    asked = ward.asks("uni").at("uni", "acknowledge")
    bed = Bed.objects.get(unit=single.unit_id, label="5-01")
    asked.take("uni", "hold", capacity=str(single.pk), bed=str(bed.pk))

    assert bed_tells("5-01", "O") is True
    assert asked.at("uni", "confirm").states() == {"uni": "confirmed"}


def test_beds_messages_that_cross_are_each_counted(single, bed_tells):
    """Out of order between two beds is no reason to lose one; out of order for one bed is."""
    now = timezone.now()
    bed_tells("5-02", "O", at=now)

    assert bed_tells("5-01", "O", at=now - timedelta(milliseconds=1)) is True
    assert bed_tells("5-02", "U", at=now - timedelta(milliseconds=1)) is False
    single.refresh_from_db()
    assert single.occupied == 2


def test_a_bed_of_another_hospital_is_none(night, bed_tells):
    with pytest.raises(NotFound):
        bed_tells("5-01", "O", hospital=night.kreis.id)


def test_what_was_reported_by_hand_counts_until_something_newer_is_told(night, single, bed_tells):
    early = timezone.now()
    bed_tells("5-01", "O", at=early - timedelta(minutes=2))
    bed = Bed.objects.get(unit=single.unit_id, label="5-01")
    night.brandt.put(f"beds/{bed.pk}", {"status": "C", "override": "feed-wrong"}, If_Match=str(bed.version))

    assert bed_tells("5-01", "U", at=early) is False
    single.refresh_from_db()
    bed.refresh_from_db()
    assert (single.source, single.override, bed.status) == ("manual", "feed-wrong", "C")
    assert bed_tells("5-01", "U") is True
    single.refresh_from_db()
    bed.refresh_from_db()
    assert (single.source, single.override, bed.status) == ("adt", "", "U")


def test_a_unit_of_single_beds_takes_no_count(single, tells):
    with pytest.raises(Conflict) as refused:
        tells(1, capacity=single.pk)
    assert refused.value.code == "capacity.counted_by_bed"
