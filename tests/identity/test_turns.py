"""Turns are ranges of time: at 07:00 the next person holds the role, with nobody online and no worker running."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from backend.clock import database_now
from identity.access import people_behind
from identity.models import Duty, Holder
from tests.messaging.people import sent, start_talk


def plan(role, person, *, begins: float, ends: float | None):
    """Seconds from now."""
    now = database_now()
    ended_at = None if ends is None else now + timedelta(seconds=ends)
    return Duty.objects.create(role_id=role.id, person_id=person.id, started_at=now + timedelta(seconds=begins), ended_at=ended_at)


def passes(role, seconds: float) -> None:
    """As if so much time had gone by: the database's clock is not ours to set."""
    for turn in Duty.objects.filter(role=role.id).order_by("started_at"):
        ended_at = turn.ended_at and turn.ended_at - timedelta(seconds=seconds)
        Duty.objects.filter(pk=turn.pk).update(started_at=turn.started_at - timedelta(seconds=seconds), ended_at=ended_at)


@pytest.fixture
def role(night):
    """Uni's role: Brandt's turn ends in an hour, Dorn's begins then and lasts for twelve."""
    Duty.objects.filter(role=night.uni.role.id).delete()
    plan(night.uni.role, night.brandt, begins=-3600, ends=3600)
    plan(night.uni.role, night.dorn, begins=3600, ends=13 * 3600)
    return night.uni.role


def holder(role):
    return people_behind([role.id])[role.id]


def test_a_planned_turn_begins_and_ends_by_itself(night, role):
    assert holder(role) == [night.brandt.id]

    passes(role, 3601)
    assert holder(role) == [night.dorn.id]
    assert (night.brandt.actor().roles, night.dorn.actor().roles) == (set(), {role.id})

    passes(role, 12 * 3600)
    assert holder(role) == []
    assert night.dorn.actor().roles == set()


def test_of_two_turns_that_touch_the_later_begins_as_the_former_ends(role):
    former, later = Duty.objects.filter(role=role.id).order_by("started_at")
    passes(role, 0)
    Duty.objects.filter(pk=former.pk).update(ended_at=later.started_at)

    assert Holder.objects.filter(role=role.id).count() == 1


@pytest.mark.parametrize(("begins", "ends"), [(0, None), (3599, 3601), (-7200, -3599), (7200, 7201)])
def test_no_two_turns_of_a_role_overlap_whoever_writes_them(night, role, begins, ends):
    with pytest.raises(IntegrityError, match="duty_one_holder"), transaction.atomic():
        plan(role, night.dorn, begins=begins, ends=ends)


def test_who_is_relieved_by_the_clock_reads_and_writes_no_longer(night, role):
    talk = start_talk(night)
    assert night.brandt.get(f"conversations/{talk.id}").status_code == 200

    passes(role, 3601)

    assert night.brandt.get(f"conversations/{talk.id}").status_code == 404
    assert night.dorn.get(f"conversations/{talk.id}").status_code == 200


def test_a_message_rings_who_holds_the_role_as_it_is_sent(night, role, ear):
    talk = start_talk(night)
    passes(role, 3601)
    ear.frames(">", night.brandt.id)

    sent(night.adler, talk)

    assert [frame for frame in ear.frames(">", night.dorn.id) if '"message"' in frame.text]
    assert not [frame for frame in ear.frames(">", night.brandt.id) if '"message"' in frame.text]


def test_who_leaves_has_no_turn_to_come(night, role):
    assert night.uni.registrar.post(f"members/{night.dorn.id}/end").status_code == 200

    passes(role, 3601)

    assert night.dorn.id not in holder(role)
    assert not Duty.objects.filter(person=night.dorn.id).exists()
