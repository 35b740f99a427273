"""Did the alarm arrive? And what happens when it did not."""

from datetime import timedelta

import pytest
from django.utils import timezone
from py_vapid import Vapid02

from beds.models import Alarm
from beds.services import sweep
from identity.models import Device, Duty, RoleSeal
from messaging.delivery import send_pushes
from messaging.models import PendingPush, PushSubscription
from tests.beds.chains import alarms, background, consultant, half_a_minute_passes, relieve, shown, step, wait_passes, write
from tests.push_service import push_service


@pytest.fixture
def service(night, settings, tmp_path):
    """A push service of our own; what other tests have subscribed is theirs."""
    PushSubscription.objects.filter(ended_at=None).update(ended_at=timezone.now())
    settings.PUSH_HOSTS = ["127.0.0.1"]
    settings.VAPID_KEY_FILE = tmp_path / "vapid.pem"
    key = Vapid02()
    key.generate_keys()
    key.save_key(str(settings.VAPID_KEY_FILE))
    with push_service("127.0.0.1") as made:
        yield made


@pytest.fixture
def consulting(night):
    someone = consultant(night)
    role = background(night, someone)
    write(night, step(300, role))
    role.holder = someone
    return role


@pytest.fixture
def asked(ward, consulting):
    ward.background = {"uni": [consulting]}
    return ward.asks("uni")


def subscribe(someone, service):
    assert (
        someone.post("push-subscriptions", {"endpoint": f"{service.origin}/{someone.device_id}", "keys": service.keys()}).status_code == 201
    )


def pushed_again(someone):
    PendingPush.objects.filter(subscription__device=someone.device_id).update(not_before=timezone.now() - timedelta(hours=1))
    send_pushes()


def outcome(asked, position=0):
    alarm = Alarm.objects.get(candidate=asked["uni"], position=position)
    return "reached" if alarm.reached_at else alarm.failure or "open"


@pytest.mark.parametrize("path", ["requests", "requests/{id}"])
def test_who_was_called_and_fetches_the_request_was_reached(night, asked, path):
    night.brandt.get(path.format(id=asked.id))

    assert outcome(asked) == "reached"
    half_a_minute_passes(asked)
    sweep()
    assert shown(night.adler, asked)["alarms"][0]["reached_at"] is not None
    assert asked.history("uni") == []


@pytest.mark.parametrize("who", ["dorn", "adler", "north", "outsider"])
def test_others_who_look_were_not_called(night, asked, who):
    """``dorn`` is a colleague without the duty, ``adler`` asked herself."""
    night.person(who).get("requests")
    night.person(who).get(f"requests/{asked.id}")

    assert outcome(asked) == "open"


def test_who_held_the_role_before_was_not_called(night, ward, asked):
    ward.take_over(night.uni.role, night.dorn)
    night.brandt.get("requests")
    assert outcome(asked) == "open"

    night.dorn.get("requests")
    assert outcome(asked) == "reached"


def test_a_push_that_the_service_took_has_reached(night, ward, consulting, service):
    subscribe(night.brandt, service)
    ward.background = {"uni": [consulting]}
    asked = ward.asks("uni")

    sweep()
    assert outcome(asked) == "open"
    send_pushes()
    sweep()

    assert outcome(asked) == "reached"
    assert len(service.requests) == 1


def test_a_push_of_before_says_nothing(night, ward, consulting, service):
    subscribe(night.brandt, service)
    ward.background = {"uni": [consulting]}
    ward.asks("uni")
    send_pushes()
    service.status = 503
    asked = ward.asks("uni")
    send_pushes()
    half_a_minute_passes(asked)
    PushSubscription.objects.filter(device=night.brandt.device_id).update(taken_at=timezone.now() - timedelta(minutes=5))

    sweep()

    assert outcome(asked) == "not-reached"


def test_a_dead_endpoint_alarms_the_sender_and_the_next_step_begins_at_once(night, ward, consulting, service):
    subscribe(night.brandt, service)
    subscribe(night.adler, service)
    service.status = 503
    ward.background = {"uni": [consulting]}
    asked = ward.asks("uni")
    send_pushes()
    sweep()
    assert outcome(asked) == "open"
    half_a_minute_passes(asked)
    PendingPush.objects.all().delete()

    sweep()

    assert alarms(asked) == [(0, night.uni.role.id, "not-reached"), (1, consulting.id, "")]
    assert asked.history("uni") == ["alarm-failed", "escalate"]
    owed = dict(PendingPush.objects.values_list("subscription__device_id", "urgency"))
    assert owed[night.adler.device_id] == "high"
    seen = shown(night.adler, asked)
    assert [(row["failure"], row["failed_at"] is not None) for row in seen["alarms"]] == [("not-reached", True), ("", False)]


def test_an_endpoint_that_is_gone_is_no_device(night, ward, consulting, service):
    subscribe(night.brandt, service)
    service.status = 410
    ward.background = {"uni": [consulting]}
    asked = ward.asks("uni")
    send_pushes()
    half_a_minute_passes(asked)

    sweep()

    assert outcome(asked) == "no-device"


def test_without_a_device_it_fails_after_half_a_minute(night, asked, service):
    sweep()
    assert outcome(asked) == "open"
    half_a_minute_passes(asked)

    sweep()

    assert outcome(asked) == "no-device"


def test_with_nobody_on_duty_the_next_is_alarmed_at_once(night, asked, consulting):
    relieve(night.uni.role)

    sweep()

    assert alarms(asked) == [(0, night.uni.role.id, "nobody-on-duty"), (1, consulting.id, "")]
    assert asked.history("uni") == ["alarm-failed", "escalate"]


def test_with_nobody_anywhere_the_chain_is_run_through_once_and_then_waits(night, asked, consulting):
    relieve(night.uni.role)
    relieve(consulting)

    for _ in range(3):
        sweep()

    assert alarms(asked) == [(0, night.uni.role.id, "nobody-on-duty"), (1, consulting.id, "nobody-on-duty")]
    assert asked.states() == {"uni": "submitted"}, "somebody may come on duty: it is not given up at once"
    wait_passes(asked)
    sweep()
    assert alarms(asked)[2:] == [(2, consulting.id, "nobody-on-duty")]


def test_without_a_chain_nobody_on_duty_is_said_and_the_wait_stays(night, ward):
    relieve(night.nord.role)
    asked = ward.asks("nord")

    for _ in range(3):
        sweep()

    assert alarms(asked, "nord") == [(0, night.nord.role.id, "nobody-on-duty")]
    assert asked.row("nord").escalation == 0


def test_whoever_may_hold_the_role_is_reached_where_all_are_called(night, ward):
    second = consultant(night, "Zweiter")
    role = background(night, consultant(night), second, on_duty=False)
    write(night, step(60, role, whom="eligible"))
    ward.background = {"uni": [role]}
    asked = ward.asks("uni")
    wait_passes(asked)
    sweep()
    assert outcome(asked, 1) == "open"

    second.get("requests")

    assert outcome(asked, 1) == "reached"
    assert asked.take("uni", "acknowledge", by=second).status_code == 403, "called is not on duty: the role is taken first"
    assert second.post(f"duty/{role.id}/take", {}).status_code == 200
    assert asked.take("uni", "acknowledge", by=second).status_code == 200


def test_where_nobody_may_hold_the_role_the_call_fails_at_once(night, ward):
    role = background(night, consultant(night), on_duty=False)
    RoleSeal.objects.filter(role=role.id).update(ended_at=timezone.now())
    write(night, step(60, role, whom="eligible"))
    ward.background = {"uni": [role]}
    asked = ward.asks("uni")
    wait_passes(asked)

    sweep()

    assert alarms(asked)[1:] == [(1, role.id, "nobody-on-duty")]


def test_a_failure_is_in_both_hospitals_logs(night, asked, consulting):
    relieve(night.uni.role)

    sweep()

    for place in (night.kreis, night.uni):
        [event] = [one for one in night.audit_of(place) if one.action == "beds.alarm_failed"]
        assert event.subjects["called"] == str(night.uni.role.id)
        assert event.detail == {"state": "submitted", "position": 0, "whom": "holder", "how": "push", "failure": "nobody-on-duty"}


def test_an_alarm_that_failed_late_does_not_hurry_the_chain(night, asked, consulting):
    """The next is alarmed already: it has its own wait."""
    wait_passes(asked)
    sweep()
    half_a_minute_passes(asked)
    Alarm.objects.filter(candidate=asked["uni"], position=1).update(reached_at=timezone.now())

    sweep()

    assert [(position, failure) for position, _, failure in alarms(asked)] == [(0, "no-device"), (1, "")]
    assert asked.row("uni").escalation == 1


def test_once_somebody_acknowledged_nothing_fails_any_more(asked):
    asked.at("uni", "acknowledge")
    half_a_minute_passes(asked)

    sweep()

    assert "alarm-failed" not in asked.history("uni")


def test_two_clocks_decide_an_alarm_once(night, asked, consulting):
    relieve(night.uni.role)

    night.at_once(*[sweep] * 4)
    sweep()

    assert asked.history("uni") == ["alarm-failed", "escalate"]
    assert len(alarms(asked)) == 2


def test_fetched_in_the_instant_of_its_failure_it_has_one_outcome(night, ward, consulting):
    ward.background = {"uni": [consulting]}
    client = night.brandt.new_client()
    for _ in range(6):
        asked = ward.asks("uni")
        half_a_minute_passes(asked)

        night.at_once(lambda asked=asked: client.get(f"/api/v1/requests/{asked.id}"), sweep)

        sweep()
        first = Alarm.objects.get(candidate=asked["uni"], position=0)
        assert (first.reached_at is None) != (first.failed_at is None)
        assert asked.history("uni").count("alarm-failed") == (first.failed_at is not None)


def test_the_senders_screen_rings_when_an_alarm_arrived(night, asked, monkeypatch):
    rung = []
    monkeypatch.setattr("beds.services.telling.ring_after_commit", lambda people, event: rung.append((set(people), event)))

    night.brandt.get("requests")

    assert rung == [({night.adler.id}, {"t": "request", "request": asked.id})]
    assert Duty.objects.filter(role=night.uni.role.id, person=night.brandt.id, ended_at=None).exists()


def test_a_revoked_phone_is_no_device(night, ward, consulting, service):
    subscribe(night.brandt, service)
    Device.objects.filter(pk=night.brandt.device_id).update(revoked_at=timezone.now())
    ward.background = {"uni": [consulting]}
    asked = ward.asks("uni")
    half_a_minute_passes(asked)

    sweep()

    assert outcome(asked) == "no-device"


def test_the_phone_of_a_colleague_says_nothing_about_the_holders(night, ward, consulting, service):
    subscribe(night.dorn, service)
    PushSubscription.objects.filter(device=night.dorn.device_id).update(taken_at=timezone.now() + timedelta(minutes=1))
    ward.background = {"uni": [consulting]}
    asked = ward.asks("uni")
    half_a_minute_passes(asked)

    sweep()

    assert outcome(asked) == "no-device"
