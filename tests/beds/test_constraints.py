"""The net under the services: what the database refuses although no code asked first."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from beds.models import Candidate, Capacity, Hold, Request
from tests.beds import rows

pytestmark = pytest.mark.django_db

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def acute():
    return rows.hospital("acute")


@pytest.fixture
def university():
    return rows.hospital("university")


def hold(candidate, at, *, start, place=0, bed=None):
    return Hold.objects.create(candidate=candidate, capacity=at.capacity, bed=bed, place=place, during=(start, start + HALF_AN_HOUR))


def test_a_bed_has_one_promise_at_a_time(acute, university):
    [first], [second], [third] = rows.requests(3, origin=acute, asked=[university])
    bed, now = rows.single_bed(university), timezone.now()
    hold(first, university, start=now, place=0, bed=bed)

    with pytest.raises(IntegrityError, match="hold_one_promise_per_bed"), transaction.atomic():
        hold(second, university, start=now + timedelta(minutes=29), place=1, bed=bed)
    hold(third, university, start=now + HALF_AN_HOUR, place=2, bed=bed)


def test_a_place_of_a_count_has_one_promise_at_a_time(acute, university):
    [first], [second], [third] = rows.requests(3, origin=acute, asked=[university])
    now = timezone.now()
    hold(first, university, start=now)

    with pytest.raises(IntegrityError, match="hold_one_promise_per_place"), transaction.atomic():
        hold(second, university, start=now + timedelta(minutes=29))
    hold(third, university, start=now + HALF_AN_HOUR)


@pytest.mark.parametrize("state", ["confirmed", "transport-arranged", "in-transit", "arrived"])
def test_a_request_has_one_committed_candidate(acute, university, state):
    [[first, second]] = rows.requests(1, origin=acute, asked=[university, rows.hospital("other")], state="held")
    Candidate.objects.filter(pk=first.pk).update(state=state)

    with pytest.raises(IntegrityError, match="candidate_one_confirmed"), transaction.atomic():
        Candidate.objects.filter(pk=second.pk).update(state="confirmed")


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        (Request, "category", "Müller"),
        (Request, "capabilities", ["bed 4"]),
        (Request, "urgency", "Erika"),
        (Request, "age_band", "1958-03-04"),
        (Request, "sex", "Meier"),
        (Request, "transport_mode", "from ward 3"),
        (Candidate, "state", "promised"),
        (Candidate, "reason", "patient Erika Muster"),
        (Capacity, "category", "room 12"),
        (Capacity, "capabilities", ["nice view"]),
    ],
)
def test_no_column_takes_a_name_or_a_sentence(acute, university, model, field, value):
    rows.requests(1, origin=acute, asked=[university])

    with pytest.raises(IntegrityError, match="_known"), transaction.atomic():
        model.objects.update(**{field: value})


@pytest.mark.parametrize("figures", [(10, 11, 0), (10, 6, 5), (10, 0, 11), (-1, 0, 0)])
def test_a_figure_stays_in_its_bounds(university, figures):
    staffed, occupied, blocked = figures

    with pytest.raises(IntegrityError), transaction.atomic():
        Capacity.objects.filter(pk=university.capacity.pk).update(staffed=staffed, occupied=occupied, blocked=blocked)


def test_a_hospital_is_asked_once_per_request(acute, university):
    [[asked]] = rows.requests(1, origin=acute, asked=[university])
    [[other]] = rows.requests(1, origin=acute, asked=[university])

    with pytest.raises(IntegrityError, match="candidate_hospital_once"), transaction.atomic():
        Candidate.objects.filter(pk=other.pk).update(request=asked.request_id)
