"""Whose sockets ring: the people concerned, after the commit, and nobody for what was refused."""

import json
import time

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from backend.realtime import CHANNEL, RING, WATCH, decode_frames
from identity.models import Duty


@pytest.fixture
def rung(night):
    """``rung()``: what rang since the last call, as (event, names of the cast); of a board, names of the hospitals whose boards show it."""
    names = {str(night.person(name).id): name for name in ("adler", "conrad", "brandt", "dorn", "north", "middle", "outsider")}
    names |= {str(place.id): place.name for place in night.places}
    listening = redis.Redis.from_url(settings.REDIS_URL).pubsub(ignore_subscribe_messages=True)
    listening.subscribe(CHANNEL)

    def heard(until=2.0):
        end, found = time.monotonic() + until, []
        while time.monotonic() < end:
            message = listening.get_message(timeout=0.05)
            if message:
                rings = [frame for frame in decode_frames(message["data"].decode()) if frame.kind in (RING, WATCH)]
                found += [(json.loads(ring.text), {names[target] for target in ring.targets if target in names}) for ring in rings]
            elif found:
                break
        # Other tests ring at the same time, for people of their own.
        return [(event, people) for event, people in found if people]

    heard(0.2)
    yield heard
    listening.close()


def test_a_request_rings_those_who_are_asked(night, ward, rung):
    asked = ward.asks("uni", "nord")

    rings = [people for event, people in rung() if event == {"t": "request", "request": asked.id}]
    assert rings == [{"adler", "brandt", "north"}]


def test_a_step_rings_both_sides_and_not_the_others_asked(night, ward, rung):
    asked = ward.asks("uni", "nord")
    rung()

    asked.at("uni", "acknowledge")

    assert [people for event, people in rung() if event["t"] == "request"] == [{"adler", "brandt"}]


def test_a_confirm_rings_the_withdrawn_too(night, ward, rung):
    asked = ward.asks("uni", "nord").at("uni", "acknowledge", "hold").at("nord", "acknowledge", "hold")
    rung()

    asked.at("uni", "confirm")

    rings = rung()
    assert ({"t": "request", "request": asked.id}, {"adler", "brandt", "north"}) in rings
    assert [event["hospital"] for event, _ in rings if event["t"] == "board"] == [str(night.nord.id)]


def test_a_promised_bed_rings_the_boards_that_show_it(night, ward, rung):
    asked = ward.asks("uni").at("uni", "acknowledge")
    rung()

    asked.at("uni", "hold")

    assert ({"t": "board", "hospital": str(night.uni.id)}, {"kreis", "uni", "nord", "mitte"}) in rung()


def test_what_is_refused_rings_nobody(night, ward, rung):
    asked = ward.asks("uni")
    rung()

    asked.take("uni", "hold")

    assert [event for event, _ in rung(0.5) if event["t"] in ("request", "board")] == []


def test_a_role_that_answers_again_rings_the_boards(night, ward, rung):
    Duty.objects.filter(role=night.uni.role.id).update(ended_at=timezone.now())

    assert night.dorn.post(f"duty/{night.uni.role.id}/take").status_code in (200, 201)

    assert ({"t": "board", "hospital": str(night.uni.id)}, {"kreis", "uni", "nord", "mitte"}) in rung()


def test_a_role_that_changes_hands_rings_its_own_house(night, ward, rung):
    night.dorn.post(f"duty/{night.uni.role.id}/take")

    assert {event["t"] for event, _ in rung()} == {"duty"}
