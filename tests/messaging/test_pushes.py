"""Web Push against a push service of our own, which decrypts as a browser does (RFC 8291) and verifies who sends (RFC 8292)."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from py_vapid import Vapid02

from benchmarks.people import Talk
from messaging.delivery import MAX_ATTEMPTS, owe_pushes, send_pushes
from messaging.models import PendingPush, PushSubscription, PushSweep
from messaging.services import owe_push
from tests.cast import Night, Someone
from tests.messaging.people import end_membership, hand_over, refusals, revoke_device, sent
from tests.push_service import PushService, b64, push_service


@pytest.fixture
def service(settings: Any, tmp_path: Path) -> Iterator[PushService]:
    settings.PUSH_HOSTS = ["127.0.0.1"]
    settings.VAPID_KEY_FILE = tmp_path / "vapid.pem"
    key = Vapid02()
    key.generate_keys()
    key.save_key(str(settings.VAPID_KEY_FILE))
    with push_service("127.0.0.1") as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_owed(night: Night) -> None:
    """Tests share tables: what earlier ones owe is theirs."""
    PushSubscription.objects.filter(ended_at=None).update(ended_at=timezone.now())
    PushSweep.objects.update_or_create(pk=1, defaults={"looked_until": timezone.now()})


def subscribe(someone: Someone, service: PushService, path: str = "") -> Any:
    endpoint = f"{service.origin}/{path or someone.device_id}"
    return someone.post("push-subscriptions", {"endpoint": endpoint, "keys": service.keys()})


def sweep(night: Night) -> None:
    night.clock.advance(seconds=3)
    owe_pushes()


def owed(someone: Someone) -> list[str]:
    return list(PendingPush.objects.filter(subscription__device=someone.device_id).values_list("urgency", flat=True))


def test_a_device_that_has_not_stored_a_message_is_told_to_look_and_nothing_else(night: Night, talk: Talk, service: PushService) -> None:
    assert subscribe(night.brandt, service).status_code == 201
    sent(night.adler, talk, b"Frau Muster, Bett 7", priority="stat")

    sweep(night)
    send_pushes()

    assert service.opened() == ['{"t":"sync"}']
    path, headers, body = service.requests[0]
    assert path == f"/{night.brandt.device_id}"
    assert (headers["content-encoding"], headers["urgency"], headers["topic"]) == ("aes128gcm", "high", "sync")
    for secret in (str(talk.id), str(night.adler.id), "Muster", night.adler.name):
        assert secret.encode() not in body
        assert secret not in json.dumps(headers)
    assert headers["authorization"].startswith("vapid t=")
    assert owed(night.brandt) == []


def test_once_per_message_and_not_at_all_for_what_is_stored(night: Night, talk: Talk, service: PushService) -> None:
    subscribe(night.brandt, service)
    subscribe(night.adler, service)
    sent(night.adler, talk)
    sweep(night)
    assert owed(night.brandt) == ["normal"]
    send_pushes()
    sweep(night)
    assert owed(night.brandt) == owed(night.adler) == []

    sent(night.adler, talk)
    night.brandt.post(f"conversations/{talk.id}/delivered", {"sequence": 2})
    sweep(night)
    assert owed(night.brandt) == []
    assert len(service.requests) == 1


def test_a_worker_that_was_away_owes_late(night: Night, talk: Talk, service: PushService) -> None:
    subscribe(night.brandt, service)
    sent(night.adler, talk)
    night.clock.advance(hours=9)

    owe_pushes()

    assert owed(night.brandt) == ["normal"]


def test_only_who_holds_the_role_now_is_told(night: Night, talk: Talk, service: PushService) -> None:
    for someone in (night.brandt, night.dorn, night.outsider):
        subscribe(someone, service)
    hand_over(night, to=night.dorn)
    sent(night.adler, talk)

    sweep(night)

    assert (owed(night.brandt), owed(night.dorn), owed(night.outsider)) == ([], ["normal"], [])


def test_a_revoked_device_is_told_nothing(night: Night, talk: Talk, service: PushService) -> None:
    subscribe(night.brandt, service)
    sent(night.adler, talk)
    sweep(night)
    revoke_device(night.brandt)

    send_pushes()

    assert service.requests == []


def test_who_has_left_is_told_nothing(night: Night, talk: Talk, service: PushService) -> None:
    subscribe(night.brandt, service)
    sent(night.adler, talk)
    sweep(night)
    assert owed(night.brandt) == ["normal"], "owed before the end of the membership"
    end_membership(night.brandt)

    send_pushes()
    owe_push([night.brandt.id], is_urgent=True)

    assert service.requests == []
    assert owed(night.brandt) == ["normal"]


def test_leaving_takes_what_is_owed_and_the_subscription(night: Night, talk: Talk, service: PushService) -> None:
    subscribe(night.brandt, service)
    owe_push([night.brandt.id], is_urgent=True)

    night.uni.registrar.post(f"members/{night.brandt.id}/end")

    assert owed(night.brandt) == []
    assert not PushSubscription.objects.filter(device=night.brandt.device_id, ended_at=None).exists()


def test_what_failed_is_tried_again_later_and_given_up_at_last(night: Night, talk: Talk, service: PushService) -> None:
    subscribe(night.brandt, service)
    sent(night.adler, talk)
    sweep(night)
    service.status = 503

    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert send_pushes() == 1
        assert send_pushes() == 0, "not before its time"
        assert len(service.requests) == attempt
        PendingPush.objects.filter(subscription__device=night.brandt.device_id).update(not_before=timezone.now() - timedelta(hours=1))

    assert owed(night.brandt) == []


def test_after_a_failure_it_arrives(night: Night, talk: Talk, service: PushService) -> None:
    subscribe(night.brandt, service)
    sent(night.adler, talk)
    sweep(night)
    service.status = 500
    send_pushes()
    service.status = 201
    PendingPush.objects.filter(subscription__device=night.brandt.device_id).update(not_before=timezone.now() - timedelta(hours=1))

    send_pushes()

    assert len(service.opened()) == 2
    assert owed(night.brandt) == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_ended(night: Night, talk: Talk, service: PushService, status: int) -> None:
    subscribe(night.brandt, service)
    sent(night.adler, talk)
    sweep(night)
    service.status = status

    send_pushes()

    assert PushSubscription.objects.get(device=night.brandt.device_id).ended_at is not None
    assert owed(night.brandt) == []


def test_a_redirect_is_not_followed(night: Night, talk: Talk, service: PushService) -> None:
    """A listed host that redirects into the hospital's network must not be followed there."""
    subscribe(night.brandt, service)
    sent(night.adler, talk)
    sweep(night)
    service.status, service.location = 307, f"{service.origin}/elsewhere"

    send_pushes()

    assert [path for path, _, _ in service.requests] == [f"/{night.brandt.device_id}"]
    assert owed(night.brandt) == ["normal"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://169.254.169.254/latest/meta-data",
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com",
        "https://user@fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "http://127.0.0.1:6379/",
        "https://notify.windows.com.evil.example/",
    ],
)
def test_an_endpoint_that_is_not_a_listed_push_service_is_refused(night: Night, endpoint: str, service: PushService, settings: Any) -> None:
    settings.PUSH_HOSTS = ["fcm.googleapis.com", "*.notify.windows.com"]

    answer = night.brandt.post("push-subscriptions", {"endpoint": endpoint, "keys": service.keys()})

    assert (answer.status_code, answer.json()["code"]) == (403, "push.host_not_allowed")
    assert refusals(night, night.brandt) == ["push.host_not_allowed"]


def test_a_host_taken_off_the_list_is_asked_no_more(night: Night, talk: Talk, service: PushService, settings: Any) -> None:
    subscribe(night.brandt, service)
    sent(night.adler, talk)
    sweep(night)
    settings.PUSH_HOSTS = ["fcm.googleapis.com"]

    send_pushes()

    assert service.requests == []


@pytest.mark.parametrize(
    "keys", [{"p256dh": "AAAA", "auth": "AAAA"}, {"p256dh": "B" * 87, "auth": b64(b"0" * 16)}, {"p256dh": "é", "auth": "x"}]
)
def test_keys_that_are_none_are_refused(night: Night, service: PushService, keys: dict[str, str]) -> None:
    answer = night.brandt.post("push-subscriptions", {"endpoint": f"{service.origin}/x", "keys": keys})

    assert (answer.status_code, answer.json()["code"]) == (400, "push.keys")


def test_an_endpoint_follows_the_device_that_asked_last(night: Night, service: PushService) -> None:
    answers = [subscribe(someone, service, "shared") for someone in (night.brandt, night.dorn)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert PushSubscription.objects.get(endpoint=f"{service.origin}/shared").device_id == night.dorn.device_id


def test_the_public_key_is_given_out_and_none_is_made(night: Night, service: PushService, settings: Any, tmp_path: Path) -> None:
    assert len(night.brandt.get("push-subscriptions/key").json()["key"]) == 87

    settings.VAPID_KEY_FILE = tmp_path / "missing.pem"
    answer = night.brandt.get("push-subscriptions/key")

    assert (answer.status_code, answer.json()["code"]) == (503, "push.not_configured")
    assert not settings.VAPID_KEY_FILE.exists()


def test_other_parts_owe_a_push_once_per_phone(night: Night, service: PushService) -> None:
    subscribe(night.brandt, service)

    owe_push([night.brandt.id, night.adler.id], is_urgent=False)
    owe_push([night.brandt.id], is_urgent=True)
    owe_push([night.brandt.id], is_urgent=False)

    assert owed(night.brandt) == ["high"]
