"""Quiet hours hold back what can wait, from who is not on duty; what is urgent comes always."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from py_vapid import Vapid02

from backend.clock import database_now
from benchmarks.people import Talk
from identity.models import Duty, Hospital, Person
from messaging.delivery import owe_pushes, send_pushes
from messaging.models import PushSubscription, PushSweep
from messaging.services import owe_push
from tests.cast import Night, Someone
from tests.messaging.people import sent
from tests.push_service import PushService, push_service

ZONE = "Asia/Tokyo"  # not the server's, nor the default


@pytest.fixture
def service(night: Night, settings: Any, tmp_path: Path) -> Iterator[PushService]:
    PushSubscription.objects.filter(ended_at=None).update(ended_at=timezone.now())
    PushSweep.objects.update_or_create(pk=1, defaults={"looked_until": timezone.now()})
    settings.PUSH_HOSTS = ["127.0.0.1"]
    settings.VAPID_KEY_FILE = tmp_path / "vapid.pem"
    key = Vapid02()
    key.generate_keys()
    key.save_key(str(settings.VAPID_KEY_FILE))
    with push_service("127.0.0.1") as made:
        yield made


@pytest.fixture
def dorn(night: Night, service: PushService) -> Someone:
    """At uni, not on duty, with a phone."""
    Hospital.objects.filter(pk=night.uni.id).update(time_zone=ZONE)
    endpoint = f"{service.origin}/{night.dorn.device_id}"
    assert night.dorn.post("push-subscriptions", {"endpoint": endpoint, "keys": service.keys()}).status_code == 201
    return night.dorn


def quiet(someone: Someone, *, begins: int, ends: int) -> Any:
    """Hours from now, by the hospital's clock."""
    now = timezone.now().astimezone(ZoneInfo(ZONE))
    times = [(now + timedelta(hours=hours)).strftime("%H:%M") for hours in (begins, ends)]
    answer = someone.patch("me", {"quiet_from": times[0], "quiet_until": times[1]})
    assert answer.status_code == 200
    return answer.json()


def come(someone: Someone, *, is_urgent: bool = False) -> int:
    owe_push([someone.id], is_urgent=is_urgent)
    return send_pushes()


# Around the clock: begun before midnight or after it, about to begin, just over.
@pytest.mark.parametrize(
    ("begins", "ends", "is_quiet"),
    [(-1, 2, True), (-1, 12, True), (-12, 1, True), (-11, 11, True), (1, 3, False), (-3, -1, False), (1, -1, False)],
)
def test_what_can_wait_waits_while_they_last(dorn: Someone, begins: int, ends: int, is_quiet: bool) -> None:
    quiet(dorn, begins=begins, ends=ends)

    assert come(dorn) == (0 if is_quiet else 1)


def test_without_them_everything_comes(dorn: Someone) -> None:
    assert come(dorn) == 1


def test_when_they_end_what_was_held_back_comes(dorn: Someone) -> None:
    quiet(dorn, begins=-1, ends=2)
    assert come(dorn) == 0

    quiet(dorn, begins=-3, ends=-1)

    assert send_pushes() == 1


@pytest.mark.parametrize("priority", ["urgent", "stat"])
def test_what_is_urgent_comes(night: Night, talk: Talk, service: PushService, dorn: Someone, priority: str) -> None:
    """Also to who is not on duty: a direct message of the highest priorities is never silenced."""
    brandt = night.brandt
    brandt.post("push-subscriptions", {"endpoint": f"{service.origin}/{brandt.device_id}", "keys": service.keys()})
    Duty.objects.filter(person=brandt.id, ended_at=None).update(ended_at=database_now())
    quiet(brandt, begins=-1, ends=2)
    Duty.objects.create(role_id=night.uni.role.id, person_id=brandt.id)
    sent(night.adler, talk, priority=priority)
    night.clock.advance(seconds=3)
    owe_pushes()
    Duty.objects.filter(person=brandt.id, ended_at=None).update(ended_at=database_now())

    assert send_pushes() == 1


def test_what_becomes_urgent_while_it_waits_comes(dorn: Someone) -> None:
    quiet(dorn, begins=-1, ends=2)
    assert come(dorn) == 0

    assert come(dorn, is_urgent=True) == 1


def test_who_is_on_duty_is_not_silenced(night: Night, dorn: Someone) -> None:
    quiet(dorn, begins=-1, ends=2)
    assert come(dorn) == 0

    assert dorn.post(f"duty/{night.uni.role.id}/take", {}).status_code == 200

    assert send_pushes() == 1


def test_one_persons_hours_are_nobody_elses(night: Night, service: PushService, dorn: Someone) -> None:
    night.egger.post("push-subscriptions", {"endpoint": f"{service.origin}/{night.egger.device_id}", "keys": service.keys()})
    quiet(dorn, begins=-1, ends=2)
    owe_push([dorn.id, night.egger.id], is_urgent=False)

    assert send_pushes() == 1
    assert [path for path, _, _ in service.requests] == [f"/{night.egger.device_id}"]


def test_a_clock_change_does_not_move_them(dorn: Someone) -> None:
    """They are times on the hospital's wall: the zone decides, not an offset that was true when they were set."""
    given = quiet(dorn, begins=-1, ends=2)

    assert given["time_zone"] == ZONE
    Hospital.objects.filter(pk=dorn.place.id).update(time_zone="America/New_York")
    assert come(dorn) == 1


def test_a_zone_that_does_not_exist_is_refused_by_the_database(night: Night) -> None:
    """One of these in a row would stop every push of everybody."""
    with pytest.raises(DatabaseError, match="time zone"), transaction.atomic():
        Hospital.objects.filter(pk=night.uni.id).update(time_zone="Europe/Hohenfeld")


def test_a_push_taken_is_noted_with_the_time_it_was_sent(dorn: Someone, service: PushService) -> None:
    service.status = 503
    assert come(dorn) == 1
    assert PushSubscription.objects.get(device=dorn.device_id).taken_at is None

    service.status = 201
    assert come(dorn, is_urgent=True) == 1

    taken_at = PushSubscription.objects.get(device=dorn.device_id).taken_at
    assert taken_at is not None
    assert abs(taken_at - timezone.now()) < timedelta(seconds=20)
    assert Person.objects.get(pk=dorn.id).quiet_from is None
