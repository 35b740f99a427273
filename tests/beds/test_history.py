"""How a figure stood over time: kept by the database itself, thinned where it is long."""

from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from beds.models import Capacity, FigureReport
from beds.services.history import POINTS_AT_MOST
from identity.models import Partnership

FIGURES = {"staffed": 8, "occupied": 5, "blocked": 1}


@pytest.fixture
def uni(ward):
    return ward.figures["uni"]


def history(who, figure, **span):
    query = urlencode({name: value.isoformat() for name, value in span.items()})
    return who.get(f"capacities/{figure.pk}/history?{query}")


def past(figure, *, minutes, **more):
    """Rows as a former system's, ``minutes`` ago each."""
    now = timezone.now()
    FigureReport.objects.bulk_create(
        FigureReport(
            capacity=figure,
            staffed=10,
            occupied=more.get("occupied", 5),
            blocked=0,
            reported_at=now - timedelta(minutes=ago),
            recorded_at=now - timedelta(minutes=ago),
        )
        for ago in minutes
    )


def test_every_version_is_a_point(night, ward, uni):
    night.brandt.put(f"capacities/{uni.pk}", FIGURES, If_Match="1")
    night.dorn.put(f"capacities/{uni.pk}", FIGURES | {"occupied": 7}, If_Match="2")

    found = history(night.brandt, uni).json()

    assert [(point["cause"], point["staffed"], point["free"], point["free_least"]) for point in found["points"]] == [
        ("opened", 6, 3, 3),
        ("report", 8, 2, 2),
        ("report", 8, 0, 0),
    ]
    assert found["is_thinned"] is False


def test_no_write_forgets_it(uni):
    """Not a service: whoever writes a version leaves the row."""
    Capacity.objects.filter(pk=uni.pk).update(occupied=4, version=2, cause="report")

    assert list(uni.reports.order_by("version").values_list("version", "occupied")) == [(1, 2), (2, 4)]


def test_an_arrival_is_in_it(night, ward, uni):
    ward.asks("uni").at("uni", "acknowledge", "hold", "confirm", "arrange-transport", "depart", "arrive")

    assert [point["cause"] for point in history(night.brandt, uni).json()["points"]] == ["opened", "arrival"]


@pytest.mark.parametrize("change", [lambda rows: rows.update(occupied=0), lambda rows: rows.delete()])
def test_what_was_is_not_changed(uni, change):
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        change(FigureReport.objects.filter(capacity=uni))


def test_a_partner_sees_it_without_anybody_in_it(night, ward, uni):
    night.brandt.put(f"capacities/{uni.pk}", FIGURES, If_Match="1")

    answer = history(night.adler, uni)

    assert answer.status_code == 200
    assert str(night.brandt.id) not in answer.content.decode()


def test_a_span_begins_with_how_it_stood_then(night, uni):
    past(uni, minutes=[300], occupied=9)
    past(uni, minutes=[200], occupied=4)
    past(uni, minutes=[100], occupied=6)
    since = timezone.now() - timedelta(minutes=150)

    points = history(night.brandt, uni, since=since, until=timezone.now() - timedelta(minutes=50)).json()["points"]

    assert [(point["occupied"], datetime.fromisoformat(point["at"]) == since) for point in points] == [(4, True), (6, False)]


def test_a_long_one_is_thinned_and_keeps_the_worst_moment(night, uni):
    past(uni, minutes=range(10, 5000, 2), occupied=5)
    past(uni, minutes=[2001], occupied=10)

    found = history(night.brandt, uni, since=timezone.now() - timedelta(minutes=5000)).json()

    assert found["is_thinned"] is True
    assert POINTS_AT_MOST / 2 < len(found["points"]) <= POINTS_AT_MOST + 2
    assert min(point["free_least"] for point in found["points"]) == 0
    times = [point["at"] for point in found["points"]]
    assert times == sorted(times)


def test_queries_are_the_same_however_long(night, uni):
    def queries():
        with CaptureQueriesContext(connection) as caught:
            assert history(night.brandt, uni).status_code == 200
        return [query["sql"].split(" ")[0] for query in caught if "identity_signin" not in query["sql"]]

    few = queries()
    past(uni, minutes=range(1000))

    assert [word.strip() for word in queries()] == [word.strip() for word in few]
    assert len(few) == 5, "BEGIN, the figure, the audit event, the history, COMMIT"


@pytest.mark.parametrize("days", [-1, 0, 401])
def test_a_span_that_is_none_or_too_long_is_refused(night, uni, days):
    now = timezone.now()

    answer = history(night.brandt, uni, since=now - timedelta(days=days), until=now)

    assert (answer.status_code, answer.json()["code"]) == (400, "history.span")


def test_looking_at_it_is_in_the_log(night, uni):
    history(night.adler, uni)

    event = night.audit_of(night.kreis)[-1]
    assert (event.action, event.subjects) == ("beds.read_history", {"capacity": str(uni.pk)})


@pytest.mark.parametrize("who", ["outsider", "former_colleague", "revoked_device", "pending", "anonymous"])
def test_for_those_outside_there_is_none(night, uni, who):
    answer = history(night.person(who), uni)

    assert answer.status_code in (401, 403, 404)
    assert (who != "outsider") or answer.json() == night.outsider.get(f"capacities/{uuid4()}/history").json()


def test_when_a_partnership_ends_so_does_the_view(night, uni):
    Partnership.objects.filter(hospital=night.uni.id, partner=night.kreis.id).update(ended_at=timezone.now())

    assert history(night.adler, uni).status_code == 404
